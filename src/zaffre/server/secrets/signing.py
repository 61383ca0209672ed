"""Short-lived tokens that this installation signs (ES256), and the keys that it signs them with.

A new key is published before it signs: the router must know it first. An old one stays published until no token of it can
be valid any more. Says nothing of who may have a token: rooms above do.
"""

import base64
import datetime as dt
import itertools
import json
import secrets as randomness
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from zaffre.core import clock, errors
from zaffre.server import access, db
from zaffre.server.secrets import box as boxes
from zaffre.server.secrets import store

ISSUER = "zaffre"
TOPIC = "signing-keys"
"""What listens to new keys."""

ROTATE_AFTER = dt.timedelta(days=30)
PUBLISHED_FIRST = dt.timedelta(seconds=60)
LONGEST_LIFE = dt.timedelta(days=1)
_MARGIN = dt.timedelta(minutes=10)
_BYTES = 32


def ensure(uow: db.UnitOfWork, box: boxes.Box) -> None:
    """Make the first key, the next one when the newest is old, and forget those that nothing can be signed with."""
    keys = store.list_signing_keys(uow)
    now = clock.now()
    if not keys or now - keys[0].created_at > ROTATE_AFTER:
        _add(uow, box)
    gone = [
        old.kid
        for newer, old in itertools.pairwise(keys)
        if now - newer.created_at > PUBLISHED_FIRST + LONGEST_LIFE + _MARGIN
    ]
    if gone:
        store.delete_signing_keys(uow, gone)
        uow.touch(TOPIC)


def rotate(uow: db.UnitOfWork, caller: access.Caller, box: boxes.Box) -> str:
    """Make a new key now; returns its id. Tokens that exist stay valid until they expire."""
    access.require(caller, "server/write", "server")
    return _add(uow, box)


def published(uow: db.UnitOfWork) -> str:
    """The public keys as a JSON Web Key Set; empty when there are none yet."""
    keys = [row.public for row in store.list_signing_keys(uow)]
    return json.dumps({"keys": keys}, sort_keys=True) if keys else ""


def sign(
    uow: db.UnitOfWork, box: boxes.Box, claims: dict[str, Any], *, lifetime: dt.timedelta
) -> tuple[str, dt.datetime]:
    """A token with these claims, and when it expires."""
    row = _current(uow)
    now = clock.now().replace(microsecond=0)
    expires = now + min(lifetime, LONGEST_LIFE)
    times = {"iat": _seconds(now), "nbf": _seconds(now), "exp": _seconds(expires)}
    head = {"alg": "ES256", "typ": "JWT", "kid": row.kid}
    body = {"iss": ISSUER, "jti": randomness.token_hex(12), **times, **claims}
    signed = f"{_encode(head)}.{_encode(body)}"
    key = serialization.load_pem_private_key(box.open(row.sealed).encode(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise errors.Unavailable(f"The signing key {row.kid} is of another kind than this version makes.")
    r, s = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{signed}.{_base64(r.to_bytes(_BYTES, 'big') + s.to_bytes(_BYTES, 'big'))}", expires


def _current(uow: db.UnitOfWork) -> Any:
    """The newest key that has been published for a while; at the very beginning, the only one."""
    keys = store.list_signing_keys(uow)
    if not keys:
        raise errors.Unavailable("There is no key to sign tokens with yet.", hint="Try again in a moment.")
    known = [row for row in keys if clock.now() - row.created_at >= PUBLISHED_FIRST]
    return known[0] if known else keys[-1]


def _add(uow: db.UnitOfWork, box: boxes.Box) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    kid = randomness.token_hex(8)
    numbers = key.public_key().public_numbers()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": kid}
    point = {axis: _base64(getattr(numbers, axis).to_bytes(_BYTES, "big")) for axis in ("x", "y")}
    store.insert_signing_key(
        uow,
        {
            "kid": kid,
            "sealed": box.seal(pem.decode("ascii")),
            "public": {**public, **point},
            "created_at": clock.now(),
        },
    )
    uow.touch(TOPIC)
    return kid


def _seconds(moment: dt.datetime) -> int:
    return int(moment.timestamp())


def _encode(document: dict[str, Any]) -> str:
    return _base64(json.dumps(document, separators=(",", ":")).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
