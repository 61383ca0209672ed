"""The nouns as objects: constructors, defaults, errors, status and the wire."""

import pytest

from zaffre.contracts import manifests, wire
from zaffre.contracts.environment import Environment
from zaffre.contracts.model import Model
from zaffre.contracts.online_deployment import CodeConfiguration, ManagedOnlineDeployment
from zaffre.contracts.online_endpoint import KubernetesOnlineEndpoint, ManagedOnlineEndpoint
from zaffre.contracts.settings import OnlineRequestSettings, ProbeSettings
from zaffre.core import errors

TREE = manifests.address("0" * 64, "model")


def test_a_version_may_be_a_number_and_is_text() -> None:
    assert Model(name="churn", version=3).version == "3"
    assert Model(name="churn", version=1.0).version == "1.0"


def test_a_misspelt_key_is_named_with_the_nearest_one() -> None:
    with pytest.raises(errors.Invalid) as caught:
        Model(name="churn", typ="custom_model")
    assert "unknown key 'typ'" in caught.value.detail
    assert caught.value.hint == "Did you mean 'type'?"


def test_all_problems_are_said_at_once() -> None:
    with pytest.raises(errors.Invalid) as caught:
        ManagedOnlineDeployment(
            name="b",
            endpoint_name="churn",
            model="azureml:a:b:c",
            request_settings={"request_timeout_ms": -1, "queue": 2},
        )
    assert [problem["key"] for problem in caught.value.fields["problems"]] == [
        "model",
        "name",
        "request_settings.queue",
        "request_settings.request_timeout_ms",
    ]


def test_names_are_lower_case_as_the_addresses_are() -> None:
    deployment = ManagedOnlineDeployment(name="Blue", endpoint_name="Churn")
    assert (deployment.name, deployment.endpoint_name) == ("blue", "churn")


def test_entities_may_be_changed_and_are_checked_when_sent() -> None:
    endpoint = ManagedOnlineEndpoint(name="churn")
    endpoint.traffic["blue"] = 90
    with pytest.raises(errors.Invalid, match="sum to 0 or 100, not 90"):
        endpoint.to_wire()
    endpoint.traffic["green"] = 10
    assert endpoint.to_wire()["traffic"] == {"blue": 90, "green": 10}


def test_computed_values_are_read_from_the_status() -> None:
    endpoint = wire.from_answer(
        "online-endpoint",
        {"name": "churn", "status": {"scoring_uri": "http://h/score", "created_by": "ann", "newer": 1}},
    )
    assert endpoint.scoring_uri == "http://h/score"
    assert endpoint.creation_context.created_by == "ann"
    assert ManagedOnlineEndpoint(name="churn").scoring_uri is None
    with pytest.raises(AttributeError):
        endpoint.scoring_url  # noqa: B018  the attribute access is the test


def test_a_status_is_never_taken_from_a_request() -> None:
    body = {"name": "churn", "status": {"provisioning_state": "Succeeded"}}
    assert wire.from_wire("online-endpoint", body).status is None
    inline = {"name": "blue", "endpoint_name": "churn", "model": {"path": TREE, "status": {"id": "x"}}}
    assert wire.from_wire("online-deployment", inline).model.status is None


@pytest.mark.parametrize(
    ("kind", "body", "key"),
    [
        ("model", {"name": "churn", "path": "../model"}, "path"),
        ("model", {"name": "churn", "path": "file:///etc/passwd"}, "path"),
        ("model", {"name": "churn", "path": "zaffre://trees/" + "0" * 64 + "/../x"}, "path"),
        ("model", {"name": "churn", "path": "zaffre:trees"}, "path"),
        ("data", {"name": "rides", "path": "/etc"}, "path"),
        ("environment", {"name": "sk", "conda_file": "conda.yml"}, "conda_file"),
        ("environment", {"name": "sk", "build": {"path": "C:\\x"}}, "build.path"),
        (
            "online-deployment",
            {"name": "blue", "endpoint_name": "churn", "code_configuration": {"code": "src"}},
            "code_configuration.code",
        ),
        (
            "online-deployment",
            {
                "name": "blue",
                "endpoint_name": "churn",
                "code_configuration": {"code": TREE, "scoring_script": "a/../../b.py"},
            },
            "code_configuration.scoring_script",
        ),
        (
            "online-deployment",
            {
                "name": "blue",
                "endpoint_name": "churn",
                "code_configuration": {"scoring_script": "/etc/score.py"},
            },
            "code_configuration.scoring_script",
        ),
        (
            "environment",
            {"name": "sk", "build": {"path": TREE, "dockerfile_path": "..\\Dockerfile"}},
            "build.dockerfile_path",
        ),
        (
            "online-deployment",
            {"name": "blue", "endpoint_name": "churn", "model": {"path": "src"}},
            "model.path",
        ),
        (
            "online-deployment",
            {"name": "blue", "endpoint_name": "churn", "environment": {"conda_file": "c.yml"}},
            "environment.conda_file",
        ),
    ],
)
def test_local_paths_are_refused_on_the_wire(kind: str, body: dict[str, object], key: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        wire.from_wire(kind, body)
    assert [problem["key"] for problem in caught.value.fields["problems"]] == [key]


def test_a_deployment_survives_the_wire() -> None:
    sent = ManagedOnlineDeployment(
        name="blue",
        endpoint_name="churn",
        model=Model(path=TREE),
        environment=Environment(
            image="base", conda_file={"name": None, "dependencies": ["python=3.11", {"pip": ["x"]}]}
        ),
        code_configuration=CodeConfiguration(code=TREE, scoring_script="./online/score.py"),
        request_settings=OnlineRequestSettings(request_timeout_ms=1000),
        liveness_probe=ProbeSettings(period=5),
        environment_variables={"THREADS": 2, "ON": True},
        instance_type="Standard_DS3_v2",
        instance_count=2,
    )
    received = wire.from_wire("online-deployment", sent.to_wire())
    assert received == sent
    assert received.environment_variables == {"THREADS": "2", "ON": "true"}


def test_the_form_is_chosen_by_the_body() -> None:
    assert isinstance(
        wire.from_wire("online-endpoint", {"name": "churn", "compute": "azureml:k"}), KubernetesOnlineEndpoint
    )
    deployment = wire.from_wire(
        "online-deployment", {"name": "blue", "endpoint_name": "churn", "type": "Kubernetes"}
    )
    assert deployment.type == "kubernetes"


def test_documented_defaults_fill_what_was_left_open() -> None:
    assert OnlineRequestSettings(max_queue_wait_ms=0).with_defaults().model_dump() == {
        "request_timeout_ms": 5000,
        "max_concurrent_requests_per_instance": 1,
        "max_queue_wait_ms": 0,
    }
    assert ProbeSettings().with_defaults().failure_threshold == 30


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_text_that_no_database_holds_is_refused(text: str) -> None:
    for fields in (
        {"description": text},
        {"tags": {text: "x"}},
        {"tags": {"x": text}},
        {"flavors": {"a": [text]}},
    ):
        with pytest.raises(errors.Invalid, match="NUL or half a character"):
            wire.from_wire("model", {"name": "churn", **fields})


def test_an_ensemble_names_each_model_once() -> None:
    fields = {"name": "blue", "endpoint_name": "churn"}
    ensemble = ManagedOnlineDeployment(**fields, zaffre={"models": ["azureml:a:1", "azureml:b@latest"]})
    assert ensemble.to_wire()["zaffre"]["models"] == ["azureml:a:1", "azureml:b@latest"]
    with pytest.raises(errors.Invalid, match="'azureml:a:1' is given twice"):
        ManagedOnlineDeployment(**fields, zaffre={"models": ["azureml:a:1", "azureml:a:1"]})
    with pytest.raises(errors.Invalid, match=r"either 'model' or 'zaffre\.models', not both"):
        ManagedOnlineDeployment(**fields, model="azureml:c:1", zaffre={"models": ["azureml:a:1"]})


def test_a_hundred_problems_are_cut_short() -> None:
    with pytest.raises(errors.Invalid) as caught:
        wire.from_wire("model", {f"key{number}": 1 for number in range(100)})
    assert caught.value.detail.endswith("... and 50 more.")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"x", {1, 2}])
def test_values_that_json_does_not_know_are_refused(value: object) -> None:
    with pytest.raises(errors.Invalid):
        Model(name="churn", flavors={"a": {"b": [value]}})


def test_code_may_be_given_and_changed_by_its_short_names() -> None:
    deployment = ManagedOnlineDeployment(
        name="blue", endpoint_name="churn", code_path="src", scoring_script="a.py"
    )
    deployment.scoring_script = "b.py"
    deployment.code_path = "other"
    assert deployment.code_configuration == CodeConfiguration(code="other", scoring_script="b.py")
    with pytest.raises(errors.Invalid, match="not both"):
        ManagedOnlineDeployment(name="blue", code_path="x", code_configuration=CodeConfiguration(code="y"))


def test_what_is_wrong_with_the_whole_is_said_of_the_thing() -> None:
    shares = {"traffic": {"blue": 100}, "mirror_traffic": {"blue": 10}}
    with pytest.raises(errors.Invalid, match=r"^online-endpoint churn: deployment 'blue' cannot take live"):
        ManagedOnlineEndpoint(name="churn", **shares)
