"""Rules that need no database: traffic, settings, amounts, environments without code, files on disk."""

import dataclasses

import pytest

from zaffre.contracts import manifests
from zaffre.contracts import online_deployment as contract
from zaffre.core import errors
from zaffre.server.endpoints.online import materials, no_code, quantities, settings, traffic


def deployment(**fields):
    return contract.KubernetesOnlineDeployment(
        **{"name": "blue", "endpoint_name": "churn", "model": "azureml:m:1", **fields}
    )


def code(**fields):
    return {"code": "zaffre://trees/" + "a" * 64, "scoring_script": "score.py", **fields}


# --- traffic ---


def test_shares_not_named_become_zero_and_saying_nothing_keeps_them():
    assert traffic.merged({"a": 100, "b": 0}, {"b": 100}) == {"a": 0, "b": 100}
    assert traffic.merged({"a": 100}, {}) == {"a": 100}
    assert traffic.with_all(["a", "b"], "b") == {"a": 0, "b": 100}


@pytest.mark.parametrize(
    ("shares", "mirror", "says"),
    [
        ({"a": 90}, {}, "sum to 0 or 100, not 90"),
        ({"a": 60, "b": 50}, {}, "sum to 0 or 100, not 110"),
        ({"a": 100}, {"b": 60}, "at most 50 per cent"),
        ({"a": 100}, {"b": 10, "c": 10}, "to one deployment only"),
        ({"a": 100}, {"a": 10}, "live traffic and mirrored traffic"),
        ({"z": 100}, {}, "no deployment 'z'"),
        ({"a": 100}, {"z": 10}, "no deployment 'z'"),
    ],
)
def test_illegal_shares_are_named(shares, mirror, says):
    with pytest.raises(errors.Invalid, match=says):
        traffic.check("churn", shares, mirror, serving={"a": True, "b": True, "c": True})


def test_traffic_waits_until_a_deployment_serves():
    with pytest.raises(errors.Conflict, match="'b' of endpoints/churn does not serve yet"):
        traffic.check("churn", {"b": 100}, {}, serving={"b": False})


def test_a_deployment_with_any_traffic_stays():
    with pytest.raises(errors.InUse, match="10 % of the mirrored traffic"):
        traffic.check_unused("churn", "b", {"a": 100, "b": 0}, {"b": 10})
    traffic.check_unused("churn", "b", {"a": 100, "b": 0}, {"b": 0})


# --- settings ---

WEEKEND = {"name": "weekend", "max_count": 600, "recurrence": {"days": ["Saturday"]}}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"model": None}, "nothing to run"),
        ({"code_configuration": code()}, "no environment to run it in"),
        ({"code_configuration": code(scoring_script=None)}, "has no scoring_script"),
        ({"instance_count": 0}, "instance_count must be at least 1"),
        ({"environment_variables": {"WORKER_COUNT": "many"}}, "WORKER_COUNT must be a number"),
        ({"environment_variables": {"WORKER_COUNT": "0"}}, "WORKER_COUNT must be a number"),
        ({"instance_count": 501}, "could have 501 processes"),
        ({"instance_count": 126, "environment_variables": {"WORKER_COUNT": "4"}}, "504 processes"),
        ({"scale_settings": {"type": "target_utilization", "max_instances": 501}}, "501 instances of 1"),
        ({"scale_settings": {"type": "target_utilization", "min_instances": 1000000}}, "1000000 processes"),
        ({"zaffre": {"autoscale": {"max_count": 501}}}, "501 processes"),
        ({"zaffre": {"autoscale": {"profiles": [WEEKEND]}}}, "600 processes"),
    ],
)
def test_what_cannot_work_is_refused_at_once(fields, says):
    with pytest.raises(errors.Invalid, match=says):
        settings.check(deployment(**fields))


def test_a_data_collector_is_not_passed_over_in_silence():
    def collecting(**switches):
        collections = {name: {"enabled": enabled} for name, enabled in switches.items()}
        return deployment(data_collector={"collections": collections})

    assert settings.collection_note(deployment()) is None
    assert settings.collection_note(collecting(model_inputs="false")) is None
    said = settings.collection_note(collecting(model_inputs="true", request="true", response="false"))
    assert "nothing is collected (model_inputs, request)" in said


def test_instances_of_a_range_are_its_lower_bound_or_the_count_within_it():
    scale = {"type": "target_utilization", "min_instances": 2, "max_instances": 5}
    assert settings.instances(deployment(scale_settings=scale)) == 2
    assert settings.instances(deployment(scale_settings=scale, instance_count=4)) == 4
    assert settings.instances(deployment(scale_settings=scale, instance_count=9)) == 5
    assert settings.instances(deployment()) == 1


def test_scripts_take_one_request_at_a_time_and_models_without_script_a_batch():
    with_script = deployment(code_configuration=code(), environment="azureml:e:1")
    assert settings.requests(with_script).max_concurrent_requests_per_instance == 1
    assert settings.requests(deployment()).max_concurrent_requests_per_instance == 64
    assert settings.requests(deployment()).request_timeout_ms == 5000


def test_only_words_numbers_and_the_router_leave_processes_alone():
    plain = deployment().to_wire()
    same = [
        {"description": "x"}, {"tags": {"a": "b"}}, {"instance_count": 3},
        {"zaffre": {"retry": False}},
    ]  # fmt: skip
    other = [
        {"environment_variables": {"A": "1"}}, {"request_settings": {"request_timeout_ms": 1}},
        {"zaffre": {"max_batch": 8}}, {"liveness_probe": {"period": 3}}, {"readiness_probe": {"period": 3}},
    ]  # fmt: skip
    digest = settings.process_digest(plain, {})
    assert {settings.process_digest(deployment(**fields).to_wire(), {}) for fields in same} == {digest}
    assert digest not in {settings.process_digest(deployment(**fields).to_wire(), {}) for fields in other}
    assert settings.digest(plain, {}) != settings.digest({**plain, "description": "x"}, {})


# --- amounts ---


def test_amounts_as_kubernetes_writes_them():
    assert [quantities.cpu(text) for text in ("500m", "0.5", "2")] == [0.5, 0.5, 2.0]
    assert [quantities.memory(text) for text in ("1Ki", "1Mi", "1.5Gi", "1M", "7")] == [
        1024, 1 << 20, 3 << 29, 10**6, 7,
    ]  # fmt: skip
    for wrong in ("", "-1", "1Xi", "0x10", "1e3"):
        with pytest.raises(errors.Invalid):
            quantities.memory(wrong)


def test_only_what_is_asked_for_explicitly_needs_room():
    machine = quantities.Amount(4, 8 << 30)
    asked = quantities.requested(deployment(resources={"requests": {"cpu": "1500m", "memory": "1Gi"}}))
    assert quantities.no_room(quantities.requested(deployment()), machine, machine) == ""
    assert quantities.no_room(asked.times(2), quantities.Amount(), machine) == ""
    assert "4.5 cores, and this machine has 4" in quantities.no_room(
        asked.times(3), quantities.Amount(), machine
    )
    assert "3 cores; 2 of 4 are taken" in quantities.no_room(asked.times(2), quantities.Amount(2), machine)
    assert "9216 MiB" in quantities.no_room(quantities.Amount(0, 9 << 30), quantities.Amount(), machine)


# --- no code ---


@pytest.mark.parametrize(
    ("files", "environment"),
    [
        (["m/MLmodel", "m/model.pkl"], {"id": "mlflow", "mlflow": True}),
        (["m/saved_model.pb"], {"id": "no-code-tensorflow", "curated": "no-code-tensorflow"}),
        (["a.onnx"], {"id": "no-code-onnx", "curated": "no-code-onnx"}),
        (["m/a.joblib"], {"id": "no-code-sklearn", "curated": "no-code-sklearn"}),
    ],
)
def test_files_tell_the_environment(files, environment):
    assert no_code.environment(deployment(), [files]) == environment


def test_unknown_files_and_ensembles_need_a_script():
    with pytest.raises(errors.Invalid, match=r"nothing here can score weights\.bin"):
        no_code.environment(deployment(), [["weights.bin"]])
    with pytest.raises(errors.Invalid, match="several models need a script"):
        no_code.environment(deployment(), [["a.onnx"], ["b.onnx"]])


# --- materials ---


@dataclasses.dataclass
class Copies:
    """A blob store over a dictionary: the real one has its own tests."""

    content: dict

    def place(self, digest, target, *, check):
        target.write_bytes(self.content[digest])


def test_files_lie_where_scripts_look_for_them(tmp_path):
    entries = [
        manifests.FileEntry(path=path, size=1, digest=letter * 64)
        for path, letter in (("deep/model/a.pkl", "a"), ("deep/model/sub/b.pkl", "b"), ("src/score.py", "c"))
    ]
    manifest = manifests.Manifest.of(entries)
    address = f"zaffre://trees/{manifest.digest}"
    resolved = {
        "models": [
            {"name": "m", "version": "3", "address": f"{address}/deep/model"},
            {"name": "n", "version": "1", "address": f"{address}/deep/model/a.pkl"},
        ],
        "code": {"address": f"{address}/src", "name": "src"},
    }
    blobs = Copies({letter * 64: letter.encode() for letter in "abc"})
    placed = materials.place(tmp_path, "r1", resolved, tree=lambda _: manifest, blobs=blobs)
    found = {str(path.relative_to(placed.folder)) for path in placed.folder.rglob("*") if path.is_file()}
    assert found == {
        "code/score.py", "models/m/3/model/a.pkl", "models/m/3/model/sub/b.pkl", "models/n/1/a.pkl",
    }  # fmt: skip
    (tmp_path / ".new-r2-crashed").mkdir()
    assert materials.place(tmp_path, "r1", resolved, tree=lambda _: manifest, blobs=Copies({})) == placed
    materials.sweep(tmp_path, ["r1"])
    assert [path.name for path in tmp_path.iterdir()] == ["r1"]
