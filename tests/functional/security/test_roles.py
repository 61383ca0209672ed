"""Every operation of the REST face beside every role: who is let in stands here, and a new route must say it too."""

import hashlib
import re

import httpx
import pytest

from zaffre.testing import server as servers

ALL = "owner boss contributor reader scorer stranger anonymous"
ROLES = {
    "boss": {"role": "admin", "workspace": "default"},
    "contributor": {"role": "contributor", "workspace": "default"},
    "reader": {"role": "reader", "workspace": "default"},
    "scorer": {"role": "scorer", "workspace": "default"},
    "stranger": {"role": "contributor", "workspace": "elsewhere"},
}
SERVER = "owner"
MANAGE = "owner boss"
WRITE = "owner boss contributor"
READ = "owner boss contributor reader"
SEE = "owner boss contributor reader scorer"
SOMEWHERE = "owner boss contributor stranger"
ANYBODY = "owner boss contributor reader scorer stranger"

MODEL = {"type": "custom_model", "path": "zaffre://trees/" + "0" * 64}
DATA = {"type": "uri_file", "path": "zaffre://trees/" + "0" * 64 + "/x"}
ENVIRONMENT = {"image": "x", "conda_file": {"dependencies": ["python=3.11"]}}
DIGEST = hashlib.sha256(b"").hexdigest()

WS = "/api/v1/workspaces/{workspace}"
ENDPOINT = WS + "/online-endpoints/{endpoint}"
DEPLOYMENT = ENDPOINT + "/deployments/{deployment}"


def of_noun(noun, body):
    """What models, data and environments have in common."""
    place = f"{WS}/{noun}"
    name, version, alias = (
        place + "/{name}",
        place + "/{name}/versions/{version}",
        place + "/{name}/aliases/{alias}",
    )
    return {
        ("get", place): (READ, None),
        ("get", name + "/versions"): (READ, None),
        ("post", name + "/versions"): (WRITE, body),
        ("put", version): (WRITE, body),
        ("get", version): (READ, None),
        ("patch", version): (WRITE, {"tags": {"a": "b"}}),
        ("get", version + "/users"): (READ, None),
        ("patch", name): (WRITE, {"archived": False}),
        ("get", name + "/aliases"): (READ, None),
        ("get", alias): (READ, None),
        ("put", alias): (WRITE, {"version": "1"}),
        ("delete", alias): (WRITE, None),
        ("get", alias + "/history"): (READ, None),
    }


def deletions(noun):
    return {
        ("delete", f"{WS}/{noun}/{{name}}/versions/{{version}}"): (WRITE, None),
        ("delete", f"{WS}/{noun}/{{name}}"): (WRITE, None),
    }


EXPECTED = {
    ("get", "/healthz"): (ALL, None),
    ("get", "/metrics"): (SERVER, None),
    ("post", "/api/v1/workspaces"): (SERVER, {"name": "another"}),
    ("get", "/api/v1/workspaces"): (ANYBODY, None),
    ("put", WS): (MANAGE, {"description": "x"}),
    ("get", WS): (SEE, None),
    ("delete", WS): (SERVER, None),
    ("get", "/api/v1/tokens"): (SERVER, None),
    ("post", "/api/v1/tokens"): (SERVER, {"name": "t", "grants": [{"role": "reader"}]}),
    ("delete", "/api/v1/tokens/{token_id}"): (SERVER, None),
    ("get", "/api/v1/audit"): (SERVER, None),
    ("get", "/api/v1/server/certificates"): (SERVER, None),
    ("get", "/api/v1/server/issuers"): (SERVER, None),
    ("post", "/api/v1/server/signing-keys"): (SERVER, {}),
    ("get", WS + "/lineage/{subject}"): (READ, None),
    ("get", WS + "/operations/{operation_id}"): (READ, None),
    ("post", "/api/v1/artifacts/missing"): (SOMEWHERE, {"digests": []}),
    ("put", "/api/v1/artifacts/blobs/{digest}"): (SOMEWHERE, b""),
    ("post", "/api/v1/artifacts/drafts"): (SOMEWHERE, {"samples": []}),
    ("put", "/api/v1/artifacts/drafts/{sample}"): (SOMEWHERE, b""),
    ("post", WS + "/trees"): (WRITE, {"files": []}),
    ("get", WS + "/trees/{digest}"): (READ, None),
    ("post", "/api/v1/artifacts/collection"): (SERVER, None),
    ("post", "/api/v1/environments/collection"): (SERVER, None),
    ("post", "/api/v1/models/collection"): (SERVER, None),
    **of_noun("models", MODEL),
    **deletions("models"),
    ("post", WS + "/models/{name}/versions/{version}/convert"): (WRITE, {}),
    ("post", WS + "/operations/{operation_id}/cancel"): (WRITE, None),
    ("post", WS + "/profiles"): (WRITE, {"name": "small", "models": ["azureml:thing:1"]}),
    **of_noun("data", DATA),
    **of_noun("environments", ENVIRONMENT),
    **deletions("environments"),
    ("get", "/api/v1/registries/azureml/environments"): (ANYBODY, None),
    ("get", "/api/v1/registries/azureml/environments/{name}"): (ANYBODY, None),
    ("post", WS + "/environments/{name}/clone"): (WRITE, {"source": "azureml:thing:1"}),
    ("get", WS + "/environments/{name}/versions/{version}/lock"): (READ, None),
    ("get", WS + "/secrets"): (READ, None),
    ("put", WS + "/secrets/{name}"): (WRITE, {"value": "x"}),
    ("get", WS + "/secrets/{name}"): (READ, None),
    ("delete", WS + "/secrets/{name}"): (WRITE, None),
    ("get", WS + "/online-endpoints"): (SEE, None),
    ("put", ENDPOINT): (WRITE, {"auth_mode": "key"}),
    ("get", ENDPOINT): (SEE, None),
    ("delete", ENDPOINT): (WRITE, None),
    ("get", ENDPOINT + "/credentials"): (WRITE, None),
    ("post", ENDPOINT + "/token"): (SEE.replace(" reader", ""), None),
    ("post", ENDPOINT + "/keys"): (WRITE, {"key_type": "primary"}),
    ("get", ENDPOINT + "/deployments"): (SEE, None),
    ("put", DEPLOYMENT): (WRITE, {"model": "azureml:m:1", "instance_type": "Standard_DS3_v2", "instance_count": 1}),
    ("get", DEPLOYMENT): (SEE, None),
    ("delete", DEPLOYMENT): (WRITE, None),
    ("get", DEPLOYMENT + "/logs"): (SEE, None),
    ("get", DEPLOYMENT + "/logs/news"): (SEE, None),
    ("get", DEPLOYMENT + "/metrics"): (SEE, None),
    ("get", ENDPOINT + "/metrics"): (SEE, None),
    ("get", DEPLOYMENT + "/revisions"): (SEE, None),
    ("post", DEPLOYMENT + "/rollback"): (WRITE, {}),
    ("get", WS + "/deployed"): (SEE, None),
}  # fmt: skip
NO_RIGHT_IS_ASKED = {
    # Who brought a content may read it, so everybody may ask; what is seen is tested below.
    ("get", "/api/v1/artifacts/blobs/{digest}"),
    # Data is never deleted: these say so to everybody.
    ("delete", WS + "/data/{name}/versions/{version}"),
    ("delete", WS + "/data/{name}"),
}
PLACES = {
    "workspace": "default", "digest": DIGEST, "sample": DIGEST, "name": "thing", "version": "7", "alias": "champion", "endpoint": "churn",
    "deployment": "blue", "token_id": "000000000000", "operation_id": "o1", "subject": "models/thing:1",
}  # fmt: skip


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """A client for each role, on one server."""
    running = servers.ServerProcess(tmp_path_factory.mktemp("roles") / "home").start()
    base = running.facts()["url"]
    with running.client() as owner:
        owner.post("/workspaces", json={"name": "elsewhere"}).raise_for_status()
        tokens = {"owner": running.token()}
        for name, grant in ROLES.items():
            made = owner.post("/tokens", json={"name": "same-name", "grants": [grant]})
            tokens[name] = made.json()["token"]
    clients = {
        name: httpx.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        for name, token in tokens.items()
    }
    clients["anonymous"] = httpx.Client(base_url=base, timeout=60)
    yield clients
    for client in clients.values():
        client.close()
    running.end()


def ask(client, method, path, body):
    url = re.sub(r"\{([^}]*)\}", lambda match: PLACES[match[1]], path)
    if isinstance(body, bytes):
        return client.request(method, url, content=body)
    return client.request(method, url, json=body)


def test_every_operation_stands_in_the_table(people):
    document = people["anonymous"].get("/openapi.json").json()
    live = {(method, path) for path, methods in document["paths"].items() for method in methods}
    assert live == set(EXPECTED) | NO_RIGHT_IS_ASKED


@pytest.mark.parametrize("who", ALL.split())
def test_each_role_is_let_in_where_it_may_and_nowhere_else(people, who):
    wrong = []
    # What changes the workspace itself comes last.
    for (method, path), (allowed, body) in sorted(
        EXPECTED.items(), key=lambda item: (item[0][0] == "delete", item[0])
    ):
        answer = ask(people[who], method, path, body)
        refused = answer.status_code in (401, 403)
        if refused is (who in allowed.split()):
            wrong.append(f"{method} {path}: {answer.status_code}")
        if refused:
            assert answer.status_code == (401 if who == "anonymous" else 403)
        assert answer.status_code < 500, (method, path, answer.text)
    assert wrong == []


def put_blob(client, content):
    digest = hashlib.sha256(content).hexdigest()
    client.put(f"/api/v1/artifacts/blobs/{digest}", content=content).raise_for_status()
    return digest


def test_contents_of_another_workspace_cannot_be_read_asked_for_or_taken(people):
    digest = put_blob(people["contributor"], b"a secret model")
    entry = {"path": "m.pkl", "size": 14, "digest": digest}
    tree = people["contributor"].post("/api/v1/workspaces/default/trees", json={"files": [entry]}).json()

    stranger = people["stranger"]
    assert stranger.get(f"/api/v1/artifacts/blobs/{digest}").status_code == 404
    asked = stranger.post("/api/v1/artifacts/missing", json={"digests": [digest]}).json()
    assert asked == {"missing": [{"digest": digest, "received": 0}]}  # as if it were not there
    taken = stranger.post("/api/v1/workspaces/elsewhere/trees", json={"files": [entry]})
    assert taken.status_code == 400
    assert stranger.get(f"/api/v1/workspaces/elsewhere/trees/{tree['digest']}").status_code == 404
    model = {"type": "custom_model", "path": f"{tree['address']}/m.pkl"}
    made = stranger.post("/api/v1/workspaces/elsewhere/models/stolen/versions", json=model)
    assert made.status_code in (400, 404)
    assert stranger.get(f"/api/v1/workspaces/default/trees/{tree['digest']}").status_code == 403

    assert people["reader"].get(f"/api/v1/artifacts/blobs/{digest}").content == b"a secret model"
    assert people["scorer"].get(f"/api/v1/artifacts/blobs/{digest}").status_code == 404


def test_two_tokens_of_one_name_are_two_callers(people):
    """Whoever brought a content may read it; a name that two tokens share must not share that."""
    digest = put_blob(people["contributor"], b"brought and in no tree yet")
    assert people["contributor"].get(f"/api/v1/artifacts/blobs/{digest}").status_code == 200
    assert people["stranger"].get(f"/api/v1/artifacts/blobs/{digest}").status_code == 404
    assert people["reader"].get(f"/api/v1/artifacts/blobs/{digest}").status_code == 404


def test_operations_of_another_workspace_are_not_there(people):
    made = people["owner"].put(
        "/api/v1/workspaces/elsewhere/online-endpoints/theirs", json={"auth_mode": "key"}
    )
    operation = made.json()["id"]
    assert people["stranger"].get(f"/api/v1/workspaces/elsewhere/operations/{operation}").status_code == 200
    assert people["reader"].get(f"/api/v1/workspaces/elsewhere/operations/{operation}").status_code == 403
    assert people["reader"].get(f"/api/v1/workspaces/default/operations/{operation}").status_code == 404


def test_a_person_cannot_be_called_like_a_worker(people):
    body = {"name": "system:endpoints", "grants": [{"role": "reader"}]}
    assert people["owner"].post("/api/v1/tokens", json=body).status_code == 400
