"""Own tokens: a new key signs only after it was published, an old one stays as long as its tokens may live."""

import base64
import datetime as dt
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from zaffre.core import clock, errors
from zaffre.server import access, db, secrets
from zaffre.server.secrets import signing, store

ADMIN = access.Caller("boss", (access.Grant("admin"),))


@pytest.fixture
def database(tmp_path):
    opened = db.Database(f"sqlite:///{tmp_path}/x.db")
    with opened.write() as uow:
        db.metadata.create_all(uow.connection)
    yield opened
    opened.close()


@pytest.fixture
def box(tmp_path):
    return secrets.Box(tmp_path / "key")


class Clock:
    """Time that the test turns."""

    def __init__(self, monkeypatch):
        self.at = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
        monkeypatch.setattr(clock, "now", lambda: self.at)

    def turn(self, **delta):
        self.at += dt.timedelta(**delta)


@pytest.fixture
def time(monkeypatch):
    return Clock(monkeypatch)


def decode(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def opened(database, box, lifetime_s=60, **claims):
    with database.read() as uow:
        text, expires = signing.sign(uow, box, claims, lifetime=dt.timedelta(seconds=lifetime_s))
        keys = {key["kid"]: key for key in json.loads(signing.published(uow))["keys"]}
    head, body, signature = text.split(".")
    key = keys[json.loads(decode(head))["kid"]]
    raw = decode(signature)
    numbers = [int.from_bytes(decode(key[axis]), "big") for axis in ("x", "y")]
    public = ec.EllipticCurvePublicNumbers(*numbers, ec.SECP256R1()).public_key()
    halves = (int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public.verify(utils.encode_dss_signature(*halves), f"{head}.{body}".encode(), ec.ECDSA(hashes.SHA256()))
    return json.loads(decode(head)), json.loads(decode(body)), expires


def kids(database):
    with database.read() as uow:
        return [row.kid for row in store.list_signing_keys(uow)]


def ensure(database, box):
    with database.write() as uow:
        signing.ensure(uow, box)


def test_a_token_is_signed_by_the_published_key_and_says_until_when(database, box, time):
    ensure(database, box)
    head, body, expires = opened(database, box, aud="churn", sub="me")
    assert head == {"alg": "ES256", "typ": "JWT", "kid": kids(database)[0]}
    assert (body["iss"], body["aud"], body["sub"]) == ("zaffre", "churn", "me")
    assert body["exp"] - body["iat"] == 60
    assert expires == time.at + dt.timedelta(seconds=60)
    assert body["jti"] != opened(database, box)[1]["jti"]


def test_no_token_outlives_the_longest_life(database, box, time):
    ensure(database, box)
    assert opened(database, box, lifetime_s=1e7)[2] == time.at + signing.LONGEST_LIFE


def test_without_a_key_it_is_unavailable(database, box):
    with pytest.raises(errors.Unavailable), database.read() as uow:
        signing.sign(uow, box, {}, lifetime=dt.timedelta(seconds=1))
    with database.read() as uow:
        assert signing.published(uow) == ""


def test_a_new_key_is_published_before_it_signs_and_the_old_one_until_its_tokens_ended(database, box, time):
    ensure(database, box)
    (first,) = kids(database)
    time.turn(days=31)
    ensure(database, box)
    second = kids(database)[0]
    assert set(kids(database)) == {first, second}
    assert opened(database, box)[0]["kid"] == first
    time.turn(seconds=61)
    assert opened(database, box)[0]["kid"] == second
    time.turn(hours=24)
    ensure(database, box)
    assert set(kids(database)) == {first, second}
    time.turn(minutes=11)
    ensure(database, box)
    assert kids(database) == [second]


def test_an_administrator_rotates_at_will(database, box, time):
    ensure(database, box)
    with pytest.raises(errors.Denied), database.write() as uow:
        signing.rotate(uow, access.Caller("x", (access.Grant("reader"),)), box)
    with database.write() as uow:
        made = signing.rotate(uow, ADMIN, box)
    assert made in kids(database)


def test_private_keys_are_sealed(database, box):
    ensure(database, box)
    with database.read() as uow:
        (row,) = store.list_signing_keys(uow)
    assert "PRIVATE" not in row.sealed
    assert "d" not in row.public
