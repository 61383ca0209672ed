"""Users' files become nouns."""

import io
from pathlib import Path

import jsonschema
import pytest
import yaml

import zaffre
from zaffre.contracts import files, manifests, schemas, wire
from zaffre.contracts.model import Model
from zaffre.contracts.online_deployment import KubernetesOnlineDeployment, ManagedOnlineDeployment
from zaffre.core import errors

DEPLOYMENT = """\
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: Blue
endpoint_name: churn
model:
  path: ../model
code_configuration:
  code: ../src
  scoring_script: score.py
environment:
  image: base
  conda_file: conda.yml
instance_type: Standard_DS3_v2
instance_count: 1
request_settings:
  request_timeout_ms: 3000
zaffre:
  retry: false
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A user's folder: `deploy/` with YAML files, `model/` and `src/` beside it."""
    for name in ("deploy", "model", "src"):
        (tmp_path / name).mkdir()
    (tmp_path / "model/a.pkl").write_bytes(b"x")
    (tmp_path / "src/score.py").write_text("def run(data): return data\n")
    (tmp_path / "deploy/conda.yml").write_text("name: env\ndependencies: [python=3.11]\n")
    (tmp_path / "deploy/blue.yml").write_text(DEPLOYMENT)
    return tmp_path


def test_paths_are_relative_to_the_file_and_leave_absolute(project: Path) -> None:
    deployment = zaffre.load_online_deployment(project / "deploy/blue.yml")
    assert deployment.model.path == str(project / "model")
    assert deployment.code_path == str(project / "src")
    assert deployment.environment.conda_file == {"name": "env", "dependencies": ["python=3.11"]}
    assert deployment.zaffre.retry is False
    held = [(type(part).__name__, key, path) for part, key, path in files.local_files(deployment)]
    assert held == [
        ("Model", "path", str(project / "model")),
        ("CodeConfiguration", "code", str(project / "src")),
    ]


def test_bundled_paths_make_a_body_that_the_server_takes(project: Path) -> None:
    deployment = zaffre.load_online_deployment(project / "deploy/blue.yml")
    for part, key, path in files.local_files(deployment):
        setattr(part, key, manifests.address("0" * 64, Path(path).name))
    received = wire.from_wire("online-deployment", deployment.to_wire())
    assert received == deployment


def test_every_problem_is_told_with_its_line(project: Path) -> None:
    path = project / "deploy/bad.yml"
    path.write_text(
        "name: blue\nendpoint_name: churn\ninstance_typ: x\nliveness_probe:\n  period: -1\n  perod: 2\ninstance_count:\n"
    )
    with pytest.raises(errors.Invalid) as caught:
        zaffre.load_online_deployment(path)
    assert caught.value.detail.splitlines() == [
        f"{path} is not valid:",
        f"{path}:7: instance_count: is empty. Give a value, or leave the key out.",
        f"{path}:3: instance_typ: unknown key 'instance_typ'. Did you mean 'instance_type'?",
        f"{path}:1: instance_type: is required.",
        f"{path}:5: liveness_probe.period: input should be greater than or equal to 1, not -1.",
        f"{path}:6: liveness_probe.perod: unknown key 'perod'. Did you mean 'period'?",
    ]


def test_one_problem_is_one_line_and_a_hint(project: Path) -> None:
    path = project / "deploy/model.yml"
    path.write_text("name: churn\nsatge: x\n")
    with pytest.raises(errors.Invalid) as caught:
        zaffre.load_model(path)
    assert caught.value.detail == f"{path}:2: satge: unknown key 'satge'."
    assert caught.value.hint == "Did you mean 'stage'?"


def test_a_file_of_another_noun_is_told_by_its_schema(project: Path) -> None:
    with pytest.raises(errors.Invalid) as raised:
        files.load_online_endpoint(project / "deploy/blue.yml")
    assert (
        "By its $schema the file is of managedOnlineDeployment; this reads files of online-endpoint."
        in str(raised.value)
    )
    text = DEPLOYMENT.replace("managedOnline", "kubernetesOnline") + "colour: red\n"
    with pytest.raises(errors.Invalid) as raised:
        files.load_text(text, "online-deployment", folder=str(project / "deploy"))
    assert "$schema" not in str(raised.value)


def test_set_is_laid_over_before_the_check(project: Path) -> None:
    overrides = [{"instance_count": 3}, {"request_settings.max_queue_wait_ms": "7"}, {"type": "Kubernetes"}]
    deployment = zaffre.load_online_deployment(project / "deploy/blue.yml", params_override=overrides)
    assert isinstance(deployment, KubernetesOnlineDeployment)
    assert deployment.instance_count == 3
    assert deployment.request_settings.max_queue_wait_ms == 7
    loaded = files.load_yaml(
        project / "deploy/blue.yml",
        "online-deployment",
        params_override=["tags.a=b", "model.type=mlflow_model"],
    )
    assert (loaded.tags, loaded.model.type) == ({"a": "b"}, "mlflow_model")


def test_a_wrong_value_of_set_is_told_as_such(project: Path) -> None:
    with pytest.raises(errors.Invalid) as caught:
        files.load_yaml(
            project / "deploy/blue.yml", "online-deployment", params_override=["instance_count=many"]
        )
    assert caught.value.detail == "--set instance_count: must be a whole number, not 'many'."


def test_set_does_not_reach_into_a_reference() -> None:
    with pytest.raises(errors.Invalid, match="which has no keys of its own"):
        files.load_text(
            "name: b\nendpoint_name: c\nmodel: azureml:m:1\n",
            "online-deployment",
            params_override=["model.path=x"],
        )


def test_no_file_and_values_alone_make_an_entity() -> None:
    model = zaffre.load_model(None, params_override=[{"name": "churn"}, {"path": "m.pkl"}])
    assert (model.name, model.path) == ("churn", str(Path("m.pkl").resolve()))


def test_a_sub_document_may_stand_in_a_file_of_its_own(project: Path) -> None:
    (project / "envs").mkdir()
    (project / "envs/sk.yml").write_text("image: base\nconda_file: conda.yml\n")
    (project / "envs/conda.yml").write_text("dependencies: [pip]\n")
    text = DEPLOYMENT.replace(
        "environment:\n  image: base\n  conda_file: conda.yml\n", "environment: file:../envs/sk.yml\n"
    )
    (project / "deploy/blue.yml").write_text(text)
    deployment = zaffre.load_online_deployment(project / "deploy/blue.yml")
    assert deployment.environment.conda_file == {"dependencies": ["pip"]}
    (project / "envs/sk.yml").write_text("image: base\nconda: conda.yml\n")
    with pytest.raises(errors.Invalid) as caught:
        zaffre.load_online_deployment(project / "deploy/blue.yml")
    assert "envs/sk.yml:2: environment.conda: unknown key 'conda'" in caught.value.detail


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("environment", "name: e\nimage: x\nconda_file: missing.yml\n", "conda_file: The file .*missing.yml does not exist"),
        ("environment", "name: e\nbuild: {path: nowhere}\n", "build.path: there is no file or folder"),
        ("environment", "name: e\nbuild: {path: 'azureml:x:1'}\n", "neither a local path nor a web address"),
        ("environment", "name: sk\ndependencies: [pip]\nchannels: [c]\n", "looks like a conda file"),
        ("environment", "name: sk\ndocker: {image: ubuntu}\n", "early preview; write 'image'"),
        ("model", "name: m\nlocal_path: model\n", "early preview; write 'path'"),
        ("model", "name: m\npath: a\nmodel_format: mlflow\n", "early preview; write 'type'"),
        ("data", "name: d\npath: a\nlocal_path: data\n", "early preview; write 'path'"),
        ("model", 'name: m\npath: "a\\0b"\n', "path: .* is not a path"),
        ("model", "name: m\npath: ''\n", "path: the path is empty"),
        ("online-deployment", "name: blue\nendpoint_name: churn\ninstance_type: x\nmodel: churn:1\n", "lacks the prefix 'azureml:'"),
        ("online-deployment", "name: blue\nendpoint_name: churn\ninstance_type: x\nenvironment: file:none.yml\n", "none.yml does not exist"),
        ("online-endpoint", "name: churn\nzaffre: {retries: 1}\n", "zaffre.retries: unknown key"),
        ("online-endpoint", "name: churn\ncompute: k8s\n", "compute: 'k8s' lacks the prefix"),
        ("online-endpoint", "name: churn\nauth_mode: none\n", "must be 'key', 'aml_token' or 'aad_token', not 'none'"),
        ("workspace", "name: w\n", "not a valid workspace name"),
    ],
)  # fmt: skip
def test_wrong_files_are_refused_with_the_reason(kind: str, text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "file.yml"
    path.write_text(text)
    with pytest.raises(errors.Invalid, match=words):
        files.load_yaml(path, kind)


def test_dumped_entities_load_equal(project: Path) -> None:
    deployment = zaffre.load_online_deployment(project / "deploy/blue.yml")
    deployment.dump(project / "dumped.yml")
    assert zaffre.load_online_deployment(project / "dumped.yml") == deployment
    text = io.StringIO()
    Model(name="churn", version=1, tags={"a": 1}).dump(text)
    assert yaml.safe_load(text.getvalue()) == {
        "name": "churn",
        "tags": {"a": "1"},
        "version": "1",
        "type": "custom_model",
    }


def test_a_conda_file_that_a_program_names_is_read_when_asked(project: Path) -> None:
    deployment = ManagedOnlineDeployment(
        name="blue",
        endpoint_name="churn",
        environment={"image": "x", "conda_file": str(project / "deploy/conda.yml")},
    )
    with pytest.raises(errors.Invalid, match="must be the content of the file"):
        deployment.to_wire()
    files.inline_contents(deployment)
    assert deployment.to_wire()["environment"]["conda_file"]["name"] == "env"


def test_shared_parts_do_not_share_changes() -> None:
    text = "name: blue\nendpoint_name: churn\ninstance_type: x\nliveness_probe: &p {period: 5}\nreadiness_probe: *p\n"
    deployment = files.load_text(text, "online-deployment")
    deployment.liveness_probe.period = 6
    assert deployment.readiness_probe.period == 5


def test_a_path_through_a_link_is_resolved(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "m.yml").write_text("name: churn\npath: link\n")
    assert zaffre.load_model(tmp_path / "m.yml").path == str(tmp_path / "real")


def test_editors_get_a_schema_of_every_kind(tmp_path: Path) -> None:
    written = schemas.write(tmp_path)
    assert [path.name for path in written] == [f"{kind}.schema.json" for kind in wire.KINDS]
    schema = schemas.schema("online-deployment")
    jsonschema.validate(yaml.safe_load(DEPLOYMENT), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**yaml.safe_load(DEPLOYMENT), "instance_typ": "x"}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"name": "blue"}, schema)
    assert "status" not in str(schema)


def test_what_is_wrong_with_a_whole_file_has_its_name_once(tmp_path: Path) -> None:
    file = tmp_path / "ep.yml"
    file.write_text("name: churn\ntraffic: {blue: 100}\nmirror_traffic: {blue: 10}\n")
    with pytest.raises(errors.Invalid) as refused:
        zaffre.load_online_endpoint(file)
    assert refused.value.detail.startswith(f"{file}:1: deployment 'blue' cannot take live traffic")
