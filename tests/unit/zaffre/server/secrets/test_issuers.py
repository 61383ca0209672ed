"""Keys of issuers: found by discovery at a real one, kept while it is down, and never more than public signature keys."""

import json
import time

import pytest

from zaffre.core import errors
from zaffre.server import secrets
from zaffre.server.secrets import issuers, jwks
from zaffre.testing import certificates, oidc


@pytest.fixture
def running():
    with oidc.Issuer() as issuer:
        yield issuer


@pytest.fixture
def passing(monkeypatch):
    """A function that lets time pass for the issuers."""
    offset = [0.0]
    real = time.monotonic
    monkeypatch.setattr(issuers.time, "monotonic", lambda: real() + offset[0])

    def turn(seconds):
        offset[0] += seconds

    return turn


def kids(issuer):
    return [key["kid"] for key in json.loads(issuer.keys)["keys"]]


def test_keys_are_found_kept_and_fetched_anew(running, tmp_path, passing):
    known = secrets.Issuer(running.url, tmp_path)
    assert known.keys == ""
    assert known.look(doubted=False)
    assert kids(known) == ["first"]
    running.rotate("second", keep=1)
    assert not known.look(doubted=True)
    assert kids(known) == ["first"]
    passing(issuers.AGAIN_S)
    assert not known.look(doubted=False)
    assert known.look(doubted=True)
    assert kids(known) == ["first", "second"]
    running.rotate("third")
    passing(issuers.REFRESH_S)
    assert known.look(doubted=False)
    assert kids(known) == ["third"]
    assert kids(secrets.Issuer(running.url, tmp_path)) == ["third"]


def test_an_issuer_is_not_asked_more_often_than_agreed(running, tmp_path):
    known = secrets.Issuer(running.url, tmp_path)
    for _ in range(50):
        known.look(doubted=True)
    assert running.asked == 2


def test_known_keys_outlive_an_issuer_that_is_down(running, tmp_path, passing):
    known = secrets.Issuer(running.url, tmp_path)
    known.look(doubted=False)
    running.stop()
    passing(issuers.REFRESH_S)
    assert not known.look(doubted=False)
    assert "refused" in known.facts()["problem"]
    assert kids(known) == ["first"]
    restarted = secrets.Issuer(running.url, tmp_path)
    assert kids(restarted) == ["first"]
    running.start()
    passing(issuers.AGAIN_S)
    known.look(doubted=False)
    assert known.facts()["problem"] is None


def test_an_issuer_with_another_name_is_not_believed(running, tmp_path):
    running.claimed_name = "https://somebody.else"
    known = secrets.Issuer(running.url, tmp_path)
    assert not known.look(doubted=False)
    assert "calls itself 'https://somebody.else'" in known.facts()["problem"]
    assert known.keys == ""


def test_an_issuer_behind_tls_of_a_private_authority(tmp_path, passing):
    authority = certificates.Authority()
    with oidc.Issuer(authority, tmp_path) as running:
        unknown = secrets.Issuer(running.url, tmp_path)
        assert not unknown.look(doubted=False)
        assert "CERTIFICATE_VERIFY_FAILED" in unknown.facts()["problem"]
        known = secrets.Issuer(running.url, tmp_path, ca_bundle=str(authority.write(tmp_path)))
        assert known.look(doubted=False)


@pytest.mark.parametrize(
    "url", ["http://example.org", "ftp://x", "https://", "https://me:pw@example.org", "x"]
)
def test_addresses_that_cannot_be_trusted(url):
    with pytest.raises(errors.Invalid):
        secrets.check_url(url, "oidc_issuers")


def test_only_public_signature_keys_of_use_are_taken():
    good = oidc.SigningKey("good").public()
    odd = [
        {"kty": "oct", "kid": "shared", "k": "c2VjcmV0"},
        {**good, "kid": "for encryption", "use": "enc"},
        {**good, "kid": "another algorithm", "alg": "HS256"},
        {**good, "kid": "none", "alg": "none"},
        {**good, "kid": "broken", "n": "%%%"},
        {**good, "kid": "short", "n": "AQAB"},
        {**good, "kid": ""},
        {name: value for name, value in good.items() if name != "kid"},
        {"kty": "EC", "kid": "off the curve", "crv": "P-256", "x": "A" * 43, "y": "A" * 43},
        {"kty": "OKP", "kid": "unknown", "crv": "X25519", "x": "A" * 43},
        {"kty": "PQ", "kid": "unheard of"},
        "text",
        None,
    ]
    private = {**good, "kid": "with its private part", "d": "hush", "alg": None}
    del private["alg"]
    found = jwks.usable({"keys": [good, *odd, private]})
    assert [key["kid"] for key in found] == ["good", "with its private part"]
    assert all("d" not in key and key["alg"] == "RS256" for key in found)
    for document in ({}, {"keys": None}, {"keys": {}}, {"keys": "x"}):
        assert jwks.usable(document) == []
