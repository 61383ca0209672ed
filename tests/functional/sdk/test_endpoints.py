"""Users' Python code for endpoints, with real replicas."""

import json
import urllib.request

import pytest

from zaffre.core import errors
from zaffre.entities import (
    CodeConfiguration,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
)

SCORE = "import os\ndef init(): ...\ndef run(data): return [os.environ.get('WHO', 'nobody')]\n"


@pytest.fixture
def code(tmp_path):
    folder = tmp_path / "src"
    folder.mkdir()
    (folder / "score.py").write_text(SCORE)
    (tmp_path / "request.json").write_text("{}")
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11]\n")
    return folder


@pytest.fixture
def endpoint(ml_client):
    name = "from-python"
    made = ml_client.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name=name, auth_mode="key")
    ).result()
    assert made.provisioning_state == "Succeeded"
    yield made
    ml_client.online_endpoints.begin_delete(name=name).wait()


def deployment(code, name, who):
    return ManagedOnlineDeployment(
        name=name,
        endpoint_name="from-python",
        model=Model(path=str(code)),
        code_configuration=CodeConfiguration(code=str(code), scoring_script="score.py"),
        environment=Environment(conda_file=str(code.parent / "conda.yml"), image="some/base"),
        environment_variables={"WHO": who},
        instance_type="Standard_DS3_v2",
        instance_count=1,
    )


def test_a_notebook_for_azure_runs_as_it_is(ml_client, endpoint, code):
    request = str(code.parent / "request.json")
    blue = ml_client.online_deployments.begin_create_or_update(deployment(code, "blue", "blue")).result()
    assert (blue.provisioning_state, blue.service_state) == ("Succeeded", "Healthy")
    endpoint.traffic = {"blue": 100}
    ml_client.begin_create_or_update(endpoint).result()
    assert json.loads(
        ml_client.online_endpoints.invoke(endpoint_name=endpoint.name, request_file=request)
    ) == ["blue"]

    poller = ml_client.online_deployments.begin_create_or_update(deployment(code, "green", "green"))
    poller.wait(timeout=0)
    assert poller.result().name == "green"
    assert json.loads(ml_client.online_endpoints.invoke(endpoint.name)) == ["blue"]  # run() needs no body
    answer = ml_client.online_endpoints.invoke(endpoint.name, deployment_name="green", request_file=request)
    assert json.loads(answer) == ["green"]
    with pytest.raises(
        errors.NotFound, match=r"404: Endpoint '.*': there is no deployment 'grey'\..*show` tells"
    ):
        ml_client.online_endpoints.invoke(endpoint.name, deployment_name="grey", request_file=request)
    endpoint = ml_client.online_endpoints.get(endpoint.name)
    assert endpoint.traffic in ({"blue": 100, "green": 0}, {"blue": 100})
    assert [item.name for item in ml_client.online_deployments.list(endpoint.name)] == ["blue", "green"]
    assert "ready" in ml_client.online_deployments.get_logs("blue", endpoint.name, 50)

    keys = ml_client.online_endpoints.get_keys(endpoint.name)
    asked = urllib.request.Request(
        endpoint.scoring_uri,
        b"{}",
        {"Authorization": f"Bearer {keys.secondary_key}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=60) as answer:
        assert json.load(answer) == ["blue"]
        revision = answer.headers["x-zaffre-revision"]
    assert revision == ml_client.online_deployments.get("blue", endpoint.name).revision

    with pytest.raises(errors.InUse, match="blue"):
        ml_client.online_deployments.begin_delete("blue", endpoint.name)
    endpoint.traffic = {"green": 100}
    ml_client.begin_create_or_update(endpoint).result()
    ml_client.online_deployments.begin_delete(name="blue", endpoint_name=endpoint.name).result()
    with pytest.raises(errors.NotFound):
        ml_client.online_deployments.get("blue", endpoint.name)


def test_revisions_and_rollback(ml_client, endpoint, code):
    ml_client.online_deployments.begin_create_or_update(deployment(code, "blue", "one")).result()
    ml_client.online_deployments.begin_create_or_update(deployment(code, "blue", "two")).result()
    back = ml_client.online_deployments.rollback("blue", endpoint.name)
    assert back.environment_variables == {"WHO": "one"}
    assert len(ml_client.online_deployments.list_revisions("blue", endpoint.name)) == 3


def test_a_failing_script_raises_with_the_last_lines(ml_client, endpoint, code):
    (code / "score.py").write_text("def init():\n    raise RuntimeError('no weights')\ndef run(data): ...\n")
    poller = ml_client.online_deployments.begin_create_or_update(deployment(code, "broken", "x"))
    with pytest.raises(errors.Invalid) as caught:
        poller.result()
    assert poller.status() == "Failed"
    assert any("no weights" in line for line in caught.value.fields["last_log_lines"])


def test_sample_requests_come_from_the_endpoints_own_description(ml_client, endpoint):
    assert ml_client.online_endpoints.sample_request(endpoint.name) is None
