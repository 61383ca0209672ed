"""Endpoints that tokens open, on a real server with a real issuer: what SDK and command line get, and who is refused.

No deployment is needed: whoever passes the router's door hears that there is none (404), everybody else 401.
"""

import json
import os
import subprocess
import sys
import time
import types

import httpx
import pytest

from zaffre import MLClient
from zaffre.core import errors
from zaffre.entities import ManagedOnlineEndpoint
from zaffre.server.secrets import issuers
from zaffre.testing import oidc
from zaffre.testing import server as servers

INSIDE, OUTSIDE = 404, 401


@pytest.fixture(scope="module")
def issuer():
    with oidc.Issuer() as running:
        yield running


@pytest.fixture(scope="module")
def server(tmp_path_factory, issuer):
    home = tmp_path_factory.mktemp("tokens") / "home"
    running = servers.ServerProcess(home, {"ZAFFRE_OIDC_ISSUERS": issuer.url}).start()
    yield running
    running.end()


@pytest.fixture
def client(server, monkeypatch):
    monkeypatch.setenv("ZAFFRE_HOME", str(server.home))
    return MLClient()


@pytest.fixture
def endpoint(client):
    """A function that makes an endpoint, for this test alone."""
    made = []

    def make(name, **fields):
        entity = ManagedOnlineEndpoint(name=name, **fields)
        made.append(client.online_endpoints.begin_create_or_update(entity).result())
        return made[-1]

    yield make
    for item in {item.name: item for item in made}.values():
        client.online_endpoints.begin_delete(item.name).result()


def knock(endpoint, token):
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.post(endpoint.scoring_uri, headers=headers, json={}, timeout=60)
    assert answer.status_code in (INSIDE, OUTSIDE), answer.text
    return answer.status_code


def test_aml_token_opens_its_own_endpoint_until_it_is_made_anew(server, client, endpoint):
    one, other = endpoint("one", auth_mode="aml_token"), endpoint("other", auth_mode="aml_token")
    before = time.time()
    token = client.online_endpoints.get_keys("one")
    assert token.token_type == "Bearer"
    assert 3590 < token.expiry_time_utc - before < 3900
    assert before < token.refresh_after_time_utc < token.expiry_time_utc
    assert token.access_token not in repr(token)
    assert knock(one, token.access_token) == INSIDE
    assert knock(other, token.access_token) == OUTSIDE
    with pytest.raises(errors.NotFound, match="No deployment"):
        client.online_endpoints.invoke("one", input_data="{}")
    with pytest.raises(errors.Invalid, match="does not use keys"):
        client.online_endpoints.begin_regenerate_keys("one")

    client.online_endpoints.begin_delete("one").result()
    again = endpoint("one", auth_mode="aml_token")
    assert knock(again, token.access_token) == OUTSIDE
    assert knock(again, client.online_endpoints.get_keys("one").access_token) == INSIDE


def test_the_command_line_prints_what_az_prints(server, client, endpoint):
    signed, keyed = endpoint("printed", auth_mode="aml_token"), endpoint("keyed", auth_mode="key")

    def credentials(name):
        command = [
            sys.executable,
            "-m",
            "zaffre",
            "online-endpoint",
            "get-credentials",
            "-n",
            name,
            "-o",
            "json",
        ]
        environment = {**os.environ, "ZAFFRE_HOME": str(server.home)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    token = credentials("printed")
    assert set(token) == {"accessToken", "expiryTimeUtc", "refreshAfterTimeUtc", "tokenType"}
    assert knock(signed, token["accessToken"]) == INSIDE
    keys = credentials("keyed")
    assert set(keys) == {"primaryKey", "secondaryKey"}
    assert knock(keyed, keys["primaryKey"]) == INSIDE
    assert knock(keyed, token["accessToken"]) == OUTSIDE
    assert knock(signed, keys["primaryKey"]) == OUTSIDE
    with server.client() as raw:
        refused = raw.post("/workspaces/default/online-endpoints/keyed/token")
    assert (refused.status_code, "auth_mode key" in refused.json()["detail"]) == (400, True)


def test_a_scorer_may_have_a_token_and_no_keys(server, client, endpoint):
    signed = endpoint("scored", auth_mode="aml_token")
    with server.client() as owner:
        grant = {"role": "scorer", "workspace": "default"}
        made = owner.post("/tokens", json={"name": "app", "grants": [grant]}).json()["token"]
    with server.client(made) as app:
        place = "/workspaces/default/online-endpoints/scored"
        assert app.get(f"{place}/credentials").status_code == 403
        answer = app.post(f"{place}/token")
    assert answer.headers["cache-control"] == "no-store"
    assert knock(signed, answer.json()["access_token"]) == INSIDE


def test_a_new_signing_key_fails_nobody(client, endpoint):
    signed = endpoint("rotating", auth_mode="aml_token")
    old = client.online_endpoints.get_keys("rotating").access_token
    made = client.server.rotate_signing_key()
    for _ in range(5):
        assert knock(signed, client.online_endpoints.get_keys("rotating").access_token) == INSIDE
        assert knock(signed, old) == INSIDE
    assert made["kid"]


def await_inside(endpoint, token, *, within_s=120):
    end = time.monotonic() + within_s
    while knock(endpoint, token) != INSIDE:
        assert time.monotonic() < end, "the token was not accepted in time"
        time.sleep(0.1)


def test_aad_token_of_a_trusted_issuer(server, client, endpoint, issuer):
    plain = endpoint("plain", auth_mode="aad_token")
    mine = endpoint(
        "mine", auth_mode="aad_token", zaffre={"audience": "mine", "required_claims": {"roles": "score"}}
    )
    good = issuer.token(audience="https://ml.azure.com")
    await_inside(plain, good)
    assert knock(mine, good) == OUTSIDE
    assert knock(mine, issuer.token(audience="mine")) == OUTSIDE
    assert knock(mine, issuer.token(audience="mine", roles=["read", "score"])) == INSIDE
    with pytest.raises(errors.Unauthenticated, match="no credential"):
        client.online_endpoints.get_keys("plain")
    asked = []

    class Credential:
        def get_token(self, *scopes, **_):
            asked.extend(scopes)
            return types.SimpleNamespace(token=good, expires_on=int(time.time()) + 300)

    theirs = MLClient(Credential())
    assert theirs.online_endpoints.get_keys("plain").access_token == good
    with pytest.raises(errors.NotFound, match="No deployment"):
        theirs.online_endpoints.invoke("plain", input_data="{}")
    assert asked == ["https://ml.azure.com/.default"] * 2
    (known,) = client.server.issuers()
    assert (known["issuer"], known["problem"]) == (issuer.url, None)


def test_keys_that_change_at_the_issuer_and_an_issuer_that_is_down(server, client, endpoint, issuer):
    plain = endpoint("changing", auth_mode="aad_token")
    await_inside(plain, issuer.token(audience="https://ml.azure.com"))
    issuer.rotate("second", keep=1)
    fresh = issuer.token(audience="https://ml.azure.com")
    await_inside(plain, fresh, within_s=issuers.AGAIN_S + 120)
    issuer.stop()
    try:
        server.stop()
        server.start()
        await_inside(plain, fresh)
        (known,) = client.server.issuers()
        assert "second" in known["keys"]
    finally:
        issuer.start()


def test_what_an_endpoint_may_not_ask_for(client):
    def create(**fields):
        return client.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name="wrong", **fields))

    with pytest.raises(errors.Invalid, match="does not trust the issuer"):
        create(auth_mode="aad_token", zaffre={"issuer": "https://evil.example.org"})
    with pytest.raises(errors.Invalid, match="is for auth_mode aad_token"):
        create(auth_mode="key", zaffre={"audience": "x"})


def test_a_key_of_ones_own_must_be_hard_to_guess(client, endpoint):
    keyed = endpoint("chosen", auth_mode="key")
    before = client.online_endpoints.get_keys("chosen")
    for wrong, said in (
        ("a1b2c", "too short: it has 5"),
        ("a" * 40, "different"),
        ("ä" * 40, "letters, digits"),
    ):
        with pytest.raises(errors.Invalid, match=said) as caught:
            client.online_endpoints.begin_regenerate_keys("chosen", key_value=wrong)
        assert wrong not in str(caught.value)
    assert client.online_endpoints.get_keys("chosen") == before
    mine = "0123456789-abcdefghijklmnopqrstuvwxyz"
    client.online_endpoints.begin_regenerate_keys("chosen", key_type="secondary", key_value=mine).result()
    assert [knock(keyed, key) for key in (mine, before.primary_key, before.secondary_key)] == [404, 404, 401]
