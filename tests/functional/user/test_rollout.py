"""Endpoints and deployments with files in the style of azureml-examples: what works, and what is said when it does not."""

import json

import pytest

BLUE = """
    $schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
    name: blue
    endpoint_name: my-endpoint
    model:
      path: model/
    code_configuration:
      code: onlinescoring/
      scoring_script: score.py
    environment:
      conda_file: environment/conda.yml
      image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04:latest
    instance_type: Standard_DS3_v2
    instance_count: 1
"""


@pytest.fixture(scope="module")
def blue(user):
    user.write("endpoint.yml", "name: my-endpoint\nauth_mode: key\n")
    user.write("blue.YAML", BLUE)
    user("az ml online-endpoint create --name my-endpoint -f endpoint.yml")
    user("az ml online-deployment create --name blue --endpoint my-endpoint -f blue.YAML --all-traffic")
    return user


def test_the_model_folder_keeps_its_name(blue):
    answer = blue.post("my-endpoint", json.dumps({"data": [1]}))
    assert answer.json() == {"got": [1], "files": ["model/weights.txt"], "word": None}
    assert answer.headers["azureml-model-deployment"] == "blue"


def test_a_failed_start_is_said_once_with_its_cause_and_the_old_one_serves(blue):
    blue.write(
        "broken/score.py",
        "def init():\n    raise RuntimeError('no weights here')\n\ndef run(data):\n    return 1\n",
    )
    line = "az ml online-deployment update -n blue -e my-endpoint --set code_configuration.code=broken"
    said = blue.error(line, 2)
    assert said.count("did not become ready") == 1
    assert "init() failed: RuntimeError: no weights here." in said.splitlines()[-2]
    state = blue.json("az ml online-deployment show -n blue -e my-endpoint")
    assert (state["provisioning_state"], state["service_state"]) == ("Failed", "Healthy")
    assert blue.post("my-endpoint", json.dumps({"data": 2})).json()["got"] == 2
    blue("az ml online-deployment rollback -n blue -e my-endpoint --reason 'it failed'")
    assert (
        blue.out("az ml online-deployment show -n blue -e my-endpoint --query provisioning_state -o tsv")
        == "Succeeded"
    )


def test_a_script_that_collects_starts_where_collection_is_asked_for(blue):
    blue.write(
        "collecting/score.py",
        """
        import os

        def init():
            # As the library that scripts collect with does, which raises where it is not told that it may.
            assert os.environ["AZUREML_MDC_ENABLED"] == "true", "custom logging is not enabled"

        def run(raw_data):
            return os.environ["AZUREML_MDC_SAMPLE_RATE"]
        """,
    )
    blue.write(
        "collecting.yml", BLUE + "    data_collector: {collections: {model_inputs: {enabled: 'True'}}}\n"
    )
    line = "az ml online-deployment create -n collecting -e my-endpoint -f collecting.yml --set code_configuration.code=collecting"
    done = blue(line)
    assert "nothing is collected (model_inputs)" in done.stderr
    answer = blue.post("my-endpoint", "{}", headers={"azureml-model-deployment": "collecting"})
    assert answer.json() == "0"
    blue("az ml online-deployment delete -n collecting -e my-endpoint -y")


def test_a_script_without_run_is_named(blue):
    blue.write("lacking/score.py", "def init():\n    pass\n")
    line = "az ml online-deployment create -n lacking -e my-endpoint -f blue.YAML --set code_configuration.code=lacking"
    assert "score.py has no run() function" in blue.error(line, 2).splitlines()[-2]
    said = blue.error("az ml online-endpoint update -n my-endpoint --traffic 'blue=90 lacking=10'", 5)
    assert "'lacking' of endpoints/my-endpoint does not serve" in said
    assert "why it failed" in said
    blue("az ml online-deployment delete -n lacking -e my-endpoint -y")


def test_a_container_of_its_own_says_that_it_needs_an_engine(blue):
    blue.write(
        "byoc.yml",
        """
        name: byoc
        endpoint_name: my-endpoint
        environment:
          image: docker.io/tensorflow/serving:latest
          inference_config:
            liveness_route: {port: 8501, path: /v1}
            readiness_route: {port: 8501, path: /v1}
            scoring_route: {port: 8501, path: /v1:predict}
        instance_type: Standard_DS3_v2
        instance_count: 1
    """,
    )
    assert "needs a container engine" in blue.error("az ml online-deployment create -f byoc.yml", 6)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("--traffic blue=90", 2, "not 90"),
        ("--traffic 'blue=100 green=10'", 2, "not 110"),
        ("--traffic nope=100", 2, "no deployment 'nope'"),
        ("--mirror-traffic blue=60", 2, "at most 50"),
        ("--mirror-traffic 'blue=10 nope=10'", 2, "one deployment only"),
    ],
)
def test_shares_that_cannot_be(blue, words, code, said):
    assert said in blue.error(f"az ml online-endpoint update -n my-endpoint {words}", code)


def test_what_takes_traffic_stays(blue):
    assert "has 100 % of the traffic" in blue.error(
        "az ml online-deployment delete -n blue -e my-endpoint -y", 5
    )


def test_an_environment_shows_its_lock_and_a_clone_keeps_it(blue):
    blue.write("env.yml", "name: own\nimage: some/base:1\nconda_file: environment/conda.yml\n")
    blue("az ml environment create -f env.yml")
    line = "az ml online-deployment create -n {} -e my-endpoint -f blue.YAML --set environment=azureml:{}@latest -o none"
    blue(line.format("first", "own"))
    shown = blue.json("az ml environment show -n own -v 1")
    assert len(shown["lock_digest"]) == 64
    assert shown["python"].startswith("3.")
    blue("az ml environment create -n copy --from azureml:own:1")
    blue(line.format("second", "copy"))
    assert blue.json("az ml environment show -n copy -v 1")["lock_digest"] == shown["lock_digest"]
    locked = "az ml audit list --action EnvironmentLocked --subject environments/own:1 --query 'length(@)'"
    assert blue.out(locked) == "1"
    blue("az ml online-deployment delete -n first -e my-endpoint -y --no-wait")
    blue("az ml online-deployment delete -n second -e my-endpoint -y --no-wait")
