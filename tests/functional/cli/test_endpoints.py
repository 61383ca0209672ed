"""Endpoints and deployments by the command line, with real replicas behind the real router."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from prometheus_client import parser

from zaffre.server.endpoints.telemetry import catalogue

ZAFFRE = str(Path(sys.executable).with_name("zaffre"))

SCORE = """
import json, os, pathlib

def init():
    global factor
    factor = json.loads(next(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("factor.json")).read_text())
    print("the factor is", factor)

def run(data):
    return [factor * value for value in json.loads(data)["data"]]
"""

BLUE = """
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue
endpoint_name: my-endpoint
model:
  path: ./model/
code_configuration:
  code: ./onlinescoring
  scoring_script: score.py
environment:
  conda_file: ./conda.yml
  image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest
instance_type: Standard_DS3_v2
instance_count: 1
"""

ENDPOINT = """
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
name: my-endpoint
auth_mode: key
"""


@pytest.fixture
def files(tmp_path):
    """What users of az have in a folder."""
    (tmp_path / "onlinescoring").mkdir()
    (tmp_path / "onlinescoring" / "score.py").write_text(SCORE)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "factor.json").write_text("2")
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11]\n")
    (tmp_path / "blue.yml").write_text(BLUE)
    (tmp_path / "endpoint.yml").write_text(ENDPOINT)
    (tmp_path / "request.json").write_text('{"data": [1, 2]}')
    return tmp_path


ROLLOUT = """
ENDPOINT_NAME=endpt-rollout
az configure --defaults group="rg" workspace="default"

az ml online-endpoint create --name $ENDPOINT_NAME -f endpoint.yml >/dev/null
endpoint_status=`az ml online-endpoint show --name $ENDPOINT_NAME --query "provisioning_state" -o tsv`
echo "endpoint=$endpoint_status"

az ml online-deployment create --name blue --endpoint $ENDPOINT_NAME -f blue.yml --all-traffic >/dev/null
deploy_status=`az ml online-deployment show --name blue --endpoint-name $ENDPOINT_NAME --query "provisioning_state" --output tsv`
echo "deployment=$deploy_status"
echo "traffic=`az ml online-endpoint show -n $ENDPOINT_NAME --query traffic.blue -o tsv`"

az ml online-endpoint invoke --name $ENDPOINT_NAME --request-file request.json --query '[1]'

ENDPOINT_KEY=$(az ml online-endpoint get-credentials -n $ENDPOINT_NAME -o tsv --query primaryKey)
SCORING_URI=$(az ml online-endpoint show -n $ENDPOINT_NAME -o tsv --query scoring_uri)
curl -sS --request POST "$SCORING_URI" --header "Authorization: Bearer $ENDPOINT_KEY" \
  --header 'Content-Type: application/json' --data @request.json
echo

az ml online-deployment get-logs --name blue --endpoint $ENDPOINT_NAME | grep -c "the factor is 2"

echo 3 > model/factor.json
az ml online-deployment create --name green --endpoint-name $ENDPOINT_NAME -f blue.yml --set instance_count=1 >/dev/null
az ml online-endpoint invoke --name $ENDPOINT_NAME --deployment green --request-file request.json --query '[1]'

az ml online-endpoint update --name $ENDPOINT_NAME --mirror-traffic "green=10" --query mirror_traffic.green
az ml online-endpoint update --name $ENDPOINT_NAME --mirror-traffic "green=0" >/dev/null
az ml online-endpoint update --name $ENDPOINT_NAME --traffic "blue=90 green=10" --query traffic.green
az ml online-endpoint update --name $ENDPOINT_NAME --traffic "blue=0 green=100" >/dev/null
az ml online-endpoint invoke --name $ENDPOINT_NAME --request-file request.json --query '[1]'

az ml online-endpoint update --name $ENDPOINT_NAME --set tags.team=a --query tags.team -o tsv
az ml online-endpoint regenerate-keys --name $ENDPOINT_NAME --key-type primary --no-wait
az ml online-deployment delete --name blue --endpoint $ENDPOINT_NAME --yes --no-wait
az ml online-endpoint delete --name $ENDPOINT_NAME --yes
az ml online-endpoint list --query "[?name=='$ENDPOINT_NAME']" -o tsv
az configure --defaults group="" workspace=""
"""


def test_a_safe_rollout_written_for_az_runs_as_it_is(zaffre, files):
    done = zaffre.script(ROLLOUT, files)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        "endpoint=Succeeded", "deployment=Succeeded", "traffic=100", "4", "[2,", "4]", "1",
        "6", "10", "10", "6", "a",
    ]  # fmt: skip


@pytest.fixture(scope="module")
def deployed(zaffre, tmp_path_factory):
    """An endpoint `kept` with a deployment `blue` of models/kept:1."""
    folder = tmp_path_factory.mktemp("kept")
    (folder / "score.py").write_text(SCORE)
    (folder / "factor.json").write_text("5")
    (folder / "conda.yml").write_text("dependencies: [python=3.11]\n")
    zaffre("deploy", folder, "--name", "kept", "--reason", "for the tests")
    yield zaffre
    zaffre("online-endpoint", "delete", "-n", "kept", "-y")


def invoke(zaffre, folder, *words, name="kept"):
    (folder / "one.json").write_text('{"data": [1]}')
    return json.loads(zaffre.out("online-endpoint", "invoke", "-n", name, "-r", folder / "one.json", *words))


def test_deploy_prints_a_line_that_answers(zaffre, files):
    shutil.copy(files / "conda.yml", files / "model")
    shutil.copy(files / "onlinescoring" / "score.py", files / "model")
    done = zaffre("deploy", files / "model", "--name", "one-step")
    said = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert said["address"].endswith("/default/one-step/score")
    assert "get-credentials" in said["key"]
    (files / "request.json").write_text('{"data": [4]}')
    answer = zaffre.script(done.stdout.splitlines()[2].removeprefix("try it "), files)
    assert json.loads(answer.stdout) == [8], answer.stderr
    again = json.loads(
        zaffre.out(
            "deploy", "one-step:1", "--name", "one-step", "-o", "json", "-s", files / "model" / "score.py"
        )
    )
    assert again["model"] == ["one-step:1"]
    zaffre("online-endpoint", "delete", "-n", "one-step", "-y")


def test_the_build_is_told_line_by_line_while_somebody_waits(zaffre, files):
    (files / "conda.yml").write_text("dependencies: [python=3.11, pip, {pip: [packaging==24.1]}]\n")
    zaffre("online-endpoint", "create", "-n", "told", "-f", files / "endpoint.yml")
    made = zaffre("online-deployment", "create", "-f", files / "blue.yml", "-e", "told")
    said = [line for line in made.stderr.splitlines() if line.startswith("[environment] ")]
    assert any("packaging" in line for line in said), made.stderr
    assert len(said) == len(set(said))
    # A second revision in the same environment repeats nothing of the first one's build.
    (files / "model" / "factor.json").write_text("3")
    again = zaffre("online-deployment", "update", "-n", "blue", "-e", "told", "-f", files / "blue.yml")
    assert "packaging" not in again.stderr
    lines = follow_until_it_goes(zaffre, "told")
    assert any("the factor is 3" in line for line in lines), lines


def follow_until_it_goes(zaffre, name):
    """What `get-logs --follow` prints until the endpoint is deleted."""
    words = [ZAFFRE, "online-deployment", "get-logs", "-n", "blue", "-e", name, "--follow"]
    with subprocess.Popen(words, env=zaffre.environment, stdout=subprocess.PIPE, text=True) as watcher:
        first = watcher.stdout.readline()
        zaffre("online-endpoint", "delete", "-n", name, "--yes")
        lines = [first, *watcher.stdout]
        assert watcher.wait(120) == 0
    return lines


def test_a_script_may_ask_twice_for_what_is_so_already(deployed):
    for _ in range(2):
        deployed("online-endpoint", "update", "-n", "kept", "--traffic", "blue=100")
        deployed("model", "update", "-n", "kept", "-v", "1", "--set", "tags.asked=twice")


def test_what_is_deployed_is_found_and_kept(deployed):
    refused = deployed("model", "delete", "-n", "kept", "-v", "1", code=5)
    assert "endpoints/kept/deployments/blue" in refused.stderr
    where = json.loads(deployed.out("model", "deployments", "-n", "kept"))
    assert [(item["endpoint"], item["deployment"], item["service_state"]) for item in where] == [
        ("kept", "blue", "Healthy")
    ]
    busy = deployed("online-deployment", "delete", "-n", "blue", "-e", "kept", "-y", code=5)
    assert "100 %" in busy.stderr


def test_update_is_a_revision_and_rollback_returns(deployed, tmp_path):
    first = deployed.value("online-deployment", "show", "-n", "blue", "-e", "kept", "--query", "revision")
    deployed(
        "online-deployment",
        "update",
        "-n",
        "blue",
        "-e",
        "kept",
        "--set",
        "environment_variables.A=b",
        "--reason",
        "try",
    )
    shown = json.loads(deployed.out("online-deployment", "show", "-n", "blue", "-e", "kept"))
    assert shown["environment_variables"] == {"A": "b"}
    assert shown["revision"] != first
    deployed("online-deployment", "rollback", "-n", "blue", "-e", "kept")
    shown = json.loads(deployed.out("online-deployment", "show", "-n", "blue", "-e", "kept"))
    assert "environment_variables" not in shown
    revisions = json.loads(deployed.out("online-deployment", "list-revisions", "-n", "blue", "-e", "kept"))
    assert len(revisions) == 3
    assert invoke(deployed, tmp_path) == [5]


def test_lineage_of_an_answer(deployed):
    revision = deployed.value("online-deployment", "show", "-n", "blue", "-e", "kept", "--query", "revision")
    shown = deployed.until(lambda: _lineage(deployed, revision), "the lineage")
    assert "models/kept:1" in shown
    assert "models/kept:1" in deployed.out("lineage", "show", revision, "-o", "table")
    deployed("lineage", "show", "rffffffffffff", code=4)


def _lineage(zaffre, revision):
    shown = zaffre.out("lineage", "show", revision)
    return shown if "serves" in shown else None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (
            ["online-endpoint", "update", "-n", "kept", "--traffic", "blue=90"],
            2,
            "of endpoint kept must sum to 0 or 100, not 90",
        ),
        (["online-endpoint", "update", "-n", "kept", "--traffic", "blue=90 grene=10"], 2, "grene"),
        (["online-endpoint", "update", "-n", "kept", "--traffic", "blue=x"], 2, "whole number"),
        (["online-endpoint", "update", "-n", "kept", "--mirror-traffic", "blue=60"], 2, "50"),
        (["online-endpoint", "update", "-n", "kept"], 2, "Nothing would change"),
        (["online-endpoint", "update", "-n", "absent", "--traffic", "blue=100"], 4, "absent"),
        (["online-endpoint", "create", "-n", "x"], 2, "name"),
        (["online-endpoint", "create", "-n", "with-aad", "--auth-mode", "aad_token"], 6, "auth_mode"),
        (["online-endpoint", "regenerate-keys", "-n", "kept", "--key-type", "third"], 2, "third"),
        (["online-endpoint", "delete", "-n", "kept"], 2, "--yes"),
        (["online-deployment", "show", "-n", "blue", "-e", "absent"], 4, "absent"),
        (["online-endpoint", "invoke", "-n", "kept", "-r", "no-such-file"], 4, "no-such-file"),
        (["deploy", str(Path(__file__).parent), "--name", "tf"], 2, "'tf' is not a valid endpoint name"),
        (["deploy", "no/such/folder"], 4, "no/such/folder"),
        (["deploy", "nosuchmodel"], 4, "nosuchmodel"),
    ],
)
def test_bad_input_is_explained(deployed, words, code, said):
    refused = deployed(*words, code=code)
    assert said in refused.stderr
    assert refused.stdout == ""


def test_an_endpoint_that_fails_to_start_says_why_and_the_old_one_serves(deployed, files):
    (files / "onlinescoring" / "score.py").write_text(
        "def init():\n    raise RuntimeError('no weights here')\ndef run(data): ..."
    )
    refused = deployed(
        "online-deployment", "create", "-n", "broken", "-e", "kept", "-f", files / "blue.yml", code=2
    )
    assert "no weights here" in refused.stderr
    assert (
        deployed.value("online-deployment", "show", "-n", "broken", "-e", "kept", "--query", "service_state")
        == "Failed"
    )
    assert invoke(deployed, files) == [5]
    deployed("online-deployment", "delete", "-n", "broken", "-e", "kept", "-y")


def test_keys_change_one_at_a_time(deployed, tmp_path):
    before = json.loads(deployed.out("online-endpoint", "get-credentials", "-n", "kept"))
    deployed("online-endpoint", "regenerate-keys", "-n", "kept", "--key-type", "secondary")
    after = json.loads(deployed.out("online-endpoint", "get-credentials", "-n", "kept"))
    assert set(before) == {"primaryKey", "secondaryKey"}
    assert (before["primaryKey"] == after["primaryKey"], before["secondaryKey"] == after["secondaryKey"]) == (
        True,
        False,
    )
    assert before["primaryKey"] not in deployed.out("online-endpoint", "show", "-n", "kept")
    assert invoke(deployed, tmp_path) == [5]


def test_an_answer_that_is_an_error_is_one(deployed, tmp_path):
    (tmp_path / "bad.json").write_text("{}")
    refused = deployed("online-endpoint", "invoke", "-n", "kept", "-r", tmp_path / "bad.json", code=1)
    assert "get-logs" in refused.stderr
    refused = deployed("online-endpoint", "invoke", "-n", "kept", code=1)
    assert "Nothing was sent; --request-file names a file" in refused.stderr


def test_the_server_may_stop_while_replicas_serve(fresh, files):
    fresh("server", "start")
    (files / "model" / "score.py").write_text(SCORE)
    shutil.copy(files / "conda.yml", files / "model")
    made = json.loads(fresh.out("deploy", files / "model", "--name", "stays", "-o", "json"))
    key = fresh.value("online-endpoint", "get-credentials", "-n", "stays", "--query", "primaryKey")
    curl = f'curl -sS -H "Authorization: Bearer {key}" --data @request.json {made["scoring_uri"]}'
    assert "go on serving" in fresh("server", "stop").stderr
    assert json.loads(fresh.script(curl, files).stdout) == [2, 4]
    fresh("server", "start")
    fresh("server", "stop", "--all")
    assert fresh.script(curl, files).returncode == 7


def test_figures_of_the_last_hour(deployed, files):
    invoke(deployed, files)
    named = ("online-deployment", "show", "-n", "blue", "-e", "kept")
    deployed.until(
        lambda: deployed.value(*named, "--metrics", "--query", "metrics.latency_ms.p50"),
        "the time that the request took",
    )
    shown = json.loads(deployed.out(*named, "--metrics", "--window", "15m"))
    assert (shown["name"], shown["metrics"]["window_s"]) == ("blue", 900)
    assert 0 <= shown["metrics"]["error_rate"] < 1
    assert shown["metrics"]["latency_ms"]["p99"] >= shown["metrics"]["latency_ms"]["p50"] > 0
    heads = deployed.out(*named, "--metrics", "-o", "table").splitlines()[0].split()
    assert {"Requests", "Error_rate", "P95_ms"} <= set(heads)
    whole = json.loads(deployed.out("online-endpoint", "show", "-n", "kept", "--metrics"))["metrics"]
    assert whole["requests"] == sum(one["requests"] for one in whole["deployments"].values())
    refused = deployed(*named, "--metrics", "--window", "9h", code=2)
    assert "telemetry_retention_s" in refused.stderr


def test_prometheus_is_told_with_a_token_for_reading(deployed, files):
    server = json.loads((Path(deployed.home) / "server.json").read_text())
    address = f"{server['url']}/metrics"
    assert httpx.get(address, timeout=60).status_code == 401
    made = json.loads(deployed.out("token", "create", "--name", "prometheus", "--role", "reader"))
    bearer = {"authorization": f"Bearer {made['token']}"}
    scoring = deployed.value("online-endpoint", "show", "-n", "kept", "--query", "scoring_uri")
    assert (
        httpx.post(scoring, json={}, timeout=60).status_code == 401
    )  # the router's own refusals are a family, too
    invoke(deployed, files)

    def families():
        answer = httpx.get(address, headers=bearer, timeout=60)
        assert answer.status_code == 200, answer.text
        return {found.name: found for found in parser.text_string_to_metric_families(answer.text)}

    def served():
        found = families().get("zaffre_requests")
        return found and [item for item in found.samples if item.labels["code"] == "200"]

    (sample,) = deployed.until(served, "the count of the request")
    assert sample.labels == {"workspace": "default", "endpoint": "kept", "deployment": "blue", "code": "200"}
    optional = {"zaffre_machine_gpu_utilization_ratio", "zaffre_machine_gpu_memory_bytes"}
    deployed.until(lambda: set(catalogue.BY_NAME) - set(families()) <= optional, "every family")
    found = families()
    routes = {item.labels["route"] for item in found["zaffre_http_requests"].samples}
    assert "/metrics" in routes
    assert not [route for route in routes if "kept" in route]
    assert any(route.startswith("/workspaces/{workspace}/online-endpoints/{") for route in routes)

    def workers():
        steps = families()["zaffre_worker_step_duration_seconds"].samples
        return {item.labels["worker"] for item in steps}

    deployed.until(lambda: workers() >= {"online-endpoints", "event-relay", "telemetry"}, "every worker")
