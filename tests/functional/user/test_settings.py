"""A server on PostgreSQL, with a domain for scoring, and in the end a short patience for starts: once through, as a user."""

import json

import httpx
import pytest

from zaffre.testing import postgres

DEPLOYMENT = """
    name: blue
    endpoint_name: churn
    model: azureml:weights@latest
    code_configuration: {code: onlinescoring, scoring_script: score.py}
    environment: {conda_file: environment/conda.yml}
    instance_type: Standard_F2s_v2
    instance_count: 1
"""


@pytest.fixture(scope="module")
def settled(another, tmp_path_factory):
    """A user whose server keeps its facts in PostgreSQL."""
    root = tmp_path_factory.mktemp("settled")
    with postgres.serve() as database:
        settings = {
            "ZAFFRE_DATABASE_URL": database.create_database(),
            "ZAFFRE_SCORING_DOMAIN": "models.test",
        }
        user = another(root / "home", root / "work", settings)
        table = '[team-xgb]\nnames = ["team-xgb", "team-xgb-*"]\nrequirements = ["six==1.17.0"]\n'
        settings["ZAFFRE_CURATED_ENVIRONMENTS_FILE"] = str(user.write("curated.toml", table))
        user.environment |= settings
        user.write("model/weights.txt", "1 2 3")
        user.write("environment/conda.yml", "dependencies: [python]\n")
        user.write("onlinescoring/score.py", "def init():\n    pass\n\ndef run(data):\n    return data\n")
        user.write("blue.yml", DEPLOYMENT)
        user("zaffre server start")
        user("az ml model create -n weights -p model")
        user("az ml online-endpoint create -n churn")
        user("az ml online-deployment create -f blue.yml --all-traffic")
        yield user
        user("zaffre server stop --all")


def key_of(user):
    return user.out("az ml online-endpoint get-credentials -n churn --query primaryKey -o tsv")


def ask(user, *, key=None):
    """Asks the router by the endpoint's host name, which no name server here knows."""
    address = json.loads((user.home / "server.json").read_text(encoding="utf-8"))["scoring_url"]
    headers = {"Host": "churn.default.models.test", "Authorization": f"Bearer {key or key_of(user)}"}
    return httpx.post(f"{address}/score", content=b"hello", headers=headers, timeout=60)


def test_the_endpoint_answers_at_a_host_of_its_own(settled):
    shown = httpx.URL(settled.out("az ml online-endpoint show -n churn --query scoring_uri -o tsv"))
    assert (shown.host, shown.path) == ("churn.default.models.test", "/score")
    assert ask(settled).json() == "hello"
    assert ask(settled, key="wrong").status_code == 401
    said = settled.error("az ml online-endpoint invoke -n churn --request-file blue.yml", 7)
    assert "churn.default.models.test" in said


def test_names_of_a_table_of_ones_own_are_curated_too(settled):
    listed = settled.json("az ml environment list --registry-name azureml")
    assert listed[0]["name"] == "team-xgb"
    shown = settled.json("az ml environment show -n AzureML-team-xgb-2 --version 1")
    assert shown["zaffre"]["requirements"] == ["six==1.17.0"]


def test_two_changes_at_once_are_told_apart(settled):
    address = json.loads(settled.out("zaffre server status -o json"))["url"]
    token = (settled.home / "token").read_text(encoding="utf-8").strip()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{address}/api/v1/workspaces/default", headers=headers, timeout=60) as http:
        seen = http.get("/online-endpoints/churn")
        body = {**seen.json(), "tags": {"a": "1"}}
        match = {"If-Match": seen.headers["etag"]}
        first = http.put("/online-endpoints/churn", json=body, headers=match)
        second = http.put("/online-endpoints/churn", json=body | {"tags": {"a": "2"}}, headers=match)
    assert first.status_code in (200, 202)
    assert (second.status_code, second.json()["code"]) == (409, "conflict")


def test_a_token_lets_in_until_it_is_revoked(settled):
    made = settled.json("zaffre token create -n ci -o json")
    secret, number = made["token"], made["id"]
    settled(f"ZAFFRE_TOKEN={secret} zaffre model list -o none")
    settled(f"zaffre token revoke --id {number}")
    assert "token" in settled.error(f"ZAFFRE_TOKEN={secret} zaffre model list", 3)
    assert "token" in settled.error("ZAFFRE_TOKEN=zaf_nonsense zaffre model list", 3)
    assert secret not in settled.out("zaffre token list")


def test_replicas_serve_while_the_server_restarts(settled):
    key = key_of(settled)
    assert "go on serving" in settled("zaffre server stop").stderr
    assert ask(settled, key=key).json() == "hello"
    settled("zaffre server migrate")
    settled.environment["ZAFFRE_START_TIMEOUT_S"] = "8"  # what lives already keeps its own
    settled("zaffre server start")
    assert ask(settled, key=key).json() == "hello"
    assert (
        settled.out("az ml online-deployment show -n blue -e churn --query service_state -o tsv") == "Healthy"
    )


def test_an_init_that_hangs_fails_in_time_and_says_so(settled):
    """After the restart: a short patience from the beginning would also end starts that are merely slow."""
    settled.write(
        "hang/score.py",
        "import time\n\n\ndef init():\n    time.sleep(600)\n\n\ndef run(data):\n    return 1\n",
    )
    line = "az ml online-deployment create -n slow -e churn -f blue.yml --set code_configuration.code=hang"
    said = settled.error(line, 2)
    assert "churn/deployments/slow failed" in said
    assert "8 s" in said
    assert (
        settled.out("az ml online-deployment show -n blue -e churn --query service_state -o tsv") == "Healthy"
    )
    settled("az ml online-deployment delete -n slow -e churn -y")
