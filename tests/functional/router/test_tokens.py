"""Tokens at the router: a real Envoy, a real issuer, and every forgery that comes to mind."""

import base64
import json
import time

import httpx
import pytest

from zaffre.server.endpoints.router import wanted
from zaffre.server.secrets import jwks
from zaffre.testing import load, oidc, waiting

AUDIENCE = "churn"


@pytest.fixture(scope="module")
def issuer():
    with oidc.Issuer() as running:
        yield running


@pytest.fixture
def other(issuer):
    with oidc.Issuer() as running:
        yield running


def provider(issuer, name="issuer-1"):
    keys = jwks.usable({"keys": [*(key.public() for key in issuer.keys), *issuer.extra_keys]})
    return wanted.Provider(name, issuer.url, json.dumps({"keys": keys}), clock_skew_s=1)


def wish(state, blue, providers, *, rule=None, others=()):
    """`churn` is opened by tokens for it; `keyed` by keys."""
    made = state(("blue", "r1", [blue]), traffic={"blue": 100})
    (keyed,) = made.endpoints
    rule = rule or wanted.TokenRule("issuer-1", AUDIENCE)
    fields = (keyed.targets, keyed.traffic, keyed.mirror)
    endpoints = [
        wanted.Endpoint("default", "churn", {}, *fields, rule),
        wanted.Endpoint("default", "keyed", keyed.keys, *fields),
        *(wanted.Endpoint("default", name, {}, *fields, item) for name, item in others),
    ]
    return wanted.Wanted(tuple(endpoints), made.clusters, "", tuple(providers))


@pytest.fixture
def ask(router):
    """A function that sends a token to an endpoint; gives status and detail."""
    with httpx.Client(base_url=router.url, timeout=120) as client:

        def send(token, endpoint="churn", **fields):
            headers = {"authorization": f"Bearer {token}"} if token is not None else {}
            answer = client.post(f"/default/{endpoint}/score", headers={**headers, **fields}, json={})
            return answer.status_code, "" if answer.status_code == 200 else answer.json()["detail"]

        yield send


def test_a_good_token_opens_its_endpoint_and_replicas_do_not_see_it(router, upstreams, state, issuer, ask):
    blue = upstreams("blue")
    rules = [("other", wanted.TokenRule("issuer-1", "other"))]
    router.apply(wish(state, blue, [provider(issuer)], others=rules))
    token = issuer.token(audience=AUDIENCE)
    assert ask(token) == (200, "")
    assert ask(issuer.token(audience=["x", AUDIENCE])) == (200, "")
    headers = httpx.post(
        f"{router.url}/default/churn/score", headers={"authorization": f"Bearer {token}"}, json={}, timeout=60
    ).json()["headers"]
    assert "authorization" not in headers
    assert not any("jwt" in name for name in headers)
    assert ask(token, "other")[0] == 401
    assert ask(token, "keyed")[0] == 401
    assert ask("p" * 40, "keyed") == (200, "")
    assert ask("p" * 40)[0] == 401
    assert ask(token, **{"azureml-model-deployment": "blue"}) == (200, "")
    assert ask(None, **{"azureml-model-deployment": "blue"})[0] == 401
    assert ask(None, **{"azureml-model-deployment": "none"})[0] == 401


def test_a_refusal_says_nothing_of_what_is_behind(router, upstreams, state, issuer):
    router.apply(wish(state, upstreams("blue"), [provider(issuer)]))
    for named in ({}, {"azureml-model-deployment": "blue"}):
        for token in ("abc", issuer.token(audience="elsewhere")):
            headers = {**named, "authorization": f"Bearer {token}"}
            refused = httpx.post(f"{router.url}/default/churn/score", headers=headers, json={}, timeout=60)
            assert refused.status_code == 401
            said = {
                name: refused.headers.get(name) for name in ("azureml-model-deployment", "x-zaffre-revision")
            }
            assert not any(said.values()), said
            assert not refused.headers.get("x-ms-server-version")


def test_the_name_of_the_scheme_may_be_written_in_any_case(router, upstreams, state, issuer):
    router.apply(wish(state, upstreams("blue"), [provider(issuer)]))
    token = issuer.token(audience=AUDIENCE)
    for scheme in ("Bearer", "bearer", "BEARER"):
        headers = {"authorization": f"{scheme} {token}"}
        answer = httpx.post(f"{router.url}/default/churn/score", headers=headers, json={}, timeout=60)
        assert answer.status_code == 200, answer.text


def broken(token):
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "root"}).encode()).rstrip(b"=").decode()
    return f"{head}.{changed}.{signature}"


FORGERIES = {
    "nothing": lambda _issuer, _other: None,
    "a dot": lambda _issuer, _other: ".",
    "no token": lambda _issuer, _other: "abc",
    "alg none": lambda issuer, _other: issuer.unsigned(audience=AUDIENCE),
    "HS256 with the public key": lambda issuer, _other: issuer.signed_with_the_public_key(audience=AUDIENCE),
    "another issuer's": lambda _issuer, other: other.token(audience=AUDIENCE),
    "another issuer's in this one's name": lambda issuer, other: other.token(audience=AUDIENCE, iss=issuer.url),
    "another audience": lambda issuer, _other: issuer.token(audience="elsewhere"),
    "no audience": lambda issuer, _other: issuer.token(audience=None),
    "expired": lambda issuer, _other: issuer.token(audience=AUDIENCE, exp=int(time.time()) - 5),
    "without an end": lambda issuer, _other: issuer.token(audience=AUDIENCE, exp=None),
    "not yet valid": lambda issuer, _other: issuer.token(audience=AUDIENCE, nbf=int(time.time()) + 60),
    "without kid": lambda issuer, _other: issuer.without_kid(audience=AUDIENCE),
    "changed": lambda issuer, _other: broken(issuer.token(audience=AUDIENCE)),
    "cut": lambda issuer, _other: issuer.token(audience=AUDIENCE)[:-5],
    "long": lambda issuer, _other: issuer.token(audience=AUDIENCE, pad="x" * 20_000)[:-1] + "!",
}  # fmt: skip


@pytest.fixture(scope="module")
def forgers(issuer):
    with oidc.Issuer() as stranger:
        yield issuer, stranger


def test_forgeries_are_refused(router, upstreams, state, forgers, ask):
    blue = upstreams("blue")
    router.apply(wish(state, blue, [provider(forgers[0])]))
    assert ask(forgers[0].token(audience=AUDIENCE)) == (200, "")
    before = blue.requests
    for name, forge in FORGERIES.items():
        status, detail = ask(forge(*forgers))
        assert (name, status) == (name, 401)
        assert "Bearer" in detail
    assert blue.requests == before
    assert "expired" in ask(FORGERIES["expired"](*forgers))[1]


def test_another_trusted_issuer_does_not_open_it(router, upstreams, state, issuer, other, ask):
    rules = [("theirs", wanted.TokenRule("issuer-2", AUDIENCE))]
    both = [provider(issuer), provider(other, "issuer-2")]
    router.apply(wish(state, upstreams("blue"), both, others=rules))
    theirs = other.token(audience=AUDIENCE)
    assert ask(theirs, "theirs") == (200, "")
    assert ask(theirs)[0] == 401
    assert ask(issuer.token(audience=AUDIENCE), "theirs")[0] == 401


def test_refused_tokens_are_counted_for_their_endpoint(router, upstreams, state, forgers, ask):
    issuer = forgers[0]
    rules = [("other", wanted.TokenRule("issuer-1", "other"))]
    router.apply(wish(state, upstreams("blue"), [provider(issuer)], others=rules))
    for name in ("nothing", "expired", "another audience", "changed"):
        assert ask(FORGERIES[name](*forgers))[0] == 401
    assert ask(issuer.token(audience=AUDIENCE), "other")[0] == 401
    assert ask("wrong", "keyed")[0] == 401
    assert ask(issuer.token(audience=AUDIENCE))[0] == 200
    expected = {
        ("default", "churn", 401): 4,
        ("default", "other", 401): 1,
        ("default", "keyed", 401): 1,
    }
    waiting.until(lambda: sum(router.stats().refused.values()) == sum(expected.values()))
    found = router.stats()
    assert found.refused == expected
    assert found.bad_tokens == router.refused_tokens() == 5


def test_a_token_in_the_address_is_no_token(router, upstreams, state, issuer):
    router.apply(wish(state, upstreams("blue"), [provider(issuer)]))
    token = issuer.token(audience=AUDIENCE)
    url = f"{router.url}/default/churn/score?access_token={token}"
    assert httpx.post(url, json={}, timeout=60).status_code == 401


def test_a_token_ends_when_it_says_so_although_it_was_seen_before(router, upstreams, state, issuer, ask):
    router.apply(wish(state, upstreams("blue"), [provider(issuer)]))
    token = issuer.token(audience=AUDIENCE, exp=int(time.time()) + 3)
    assert ask(token)[0] == 200
    end = time.monotonic() + 60
    while ask(token)[0] == 200:
        assert time.monotonic() < end
        time.sleep(0.05)
    assert "expired" in ask(token)[1]


def test_further_claims_may_be_asked_for(router, upstreams, state, issuer, ask):
    rule = wanted.TokenRule("issuer-1", AUDIENCE, {"roles": "score"})
    router.apply(wish(state, upstreams("blue"), [provider(issuer)], rule=rule))
    assert ask(issuer.token(audience=AUDIENCE))[0] == 401
    assert ask(issuer.token(audience=AUDIENCE, roles="read"))[0] == 401
    assert ask(issuer.token(audience=AUDIENCE, roles=["read", "score"]))[0] == 200
    assert ask(issuer.token(audience=AUDIENCE, roles="score"))[0] == 200


def test_without_known_keys_nobody_comes_in(router, upstreams, state, issuer, ask):
    unknown = wanted.Provider("issuer-1", issuer.url, "")
    router.apply(wish(state, upstreams("blue"), [unknown]))
    assert ask(issuer.token(audience=AUDIENCE))[0] == 401
    assert ask(None)[0] == 401
    assert ask("p" * 40, "keyed") == (200, "")


def test_keys_change_under_load_and_nothing_fails(router, upstreams, state, ask):
    blue = upstreams("blue")
    with oidc.Issuer() as issuer:
        router.apply(wish(state, blue, [provider(issuer)]))
        headers = {"authorization": f"Bearer {issuer.token(audience=AUDIENCE)}"}
        with load.Load(f"{router.url}/default/churn/score", headers=headers) as steady:
            for number in range(4):
                steady.await_answers(100)
                issuer.rotate(f"key-{number}", keep=10)
                router.apply(wish(state, blue, [provider(issuer)]))
                assert ask(issuer.token(audience=AUDIENCE))[0] == 200
        assert steady.failures == []
        old = issuer.token(audience=AUDIENCE)
        issuer.rotate("last")
        router.apply(wish(state, blue, [provider(issuer)]))
        assert ask(old)[0] == 401
