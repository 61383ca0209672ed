"""Which keys of a JSON Web Key Set the router may be given. Pure.

One key that the router cannot read would make it refuse all of them, so each is tried here first. Symmetric keys are left out:
whoever knows one could sign.
"""

import base64
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

MOST = 64
_CURVES: dict[str, tuple[Callable[[], ec.EllipticCurve], int, str]] = {
    "P-256": (ec.SECP256R1, 32, "ES256"),
    "P-384": (ec.SECP384R1, 48, "ES384"),
    "P-521": (ec.SECP521R1, 66, "ES512"),
}
_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_SMALLEST_RSA = 2048


def usable(document: Mapping[str, Any]) -> list[dict[str, str]]:
    """The public signature keys of a set, each with its own id, and with nothing in them but what is public."""
    listed = document.get("keys")
    found: dict[str, dict[str, str]] = {}
    for key in listed if isinstance(listed, list) else ():
        if not isinstance(key, dict) or key.get("use", "sig") != "sig" or not isinstance(key.get("kid"), str):
            continue
        reader = _READERS.get(str(key.get("kty")))
        try:
            read = reader(key) if reader else None
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # not a key, whatever it calls itself
        if read and key["kid"]:
            found.setdefault(key["kid"], {"kid": key["kid"], "use": "sig", **read})
    return [found[kid] for kid in sorted(found)][:MOST]


def _rsa(key: Mapping[str, Any]) -> dict[str, str] | None:
    public = rsa.RSAPublicNumbers(_number(key["e"]), _number(key["n"])).public_key()
    if public.key_size < _SMALLEST_RSA or key.get("alg", "RS256") not in _RSA:
        return None
    # Without an algorithm the router would take every RSA one; the usual one is meant.
    return {"kty": "RSA", "n": key["n"], "e": key["e"], "alg": key.get("alg", "RS256")}


def _ec(key: Mapping[str, Any]) -> dict[str, str] | None:
    if key["crv"] not in _CURVES:
        return None
    curve, size, algorithm = _CURVES[key["crv"]]
    if any(len(_bytes(key[axis])) != size for axis in ("x", "y")) or key.get("alg", algorithm) != algorithm:
        return None
    ec.EllipticCurvePublicNumbers(_number(key["x"]), _number(key["y"]), curve()).public_key()
    return {"kty": "EC", "crv": key["crv"], "x": key["x"], "y": key["y"], "alg": algorithm}


def _okp(key: Mapping[str, Any]) -> dict[str, str] | None:
    if key["crv"] != "Ed25519" or key.get("alg", "EdDSA") != "EdDSA":
        return None
    ed25519.Ed25519PublicKey.from_public_bytes(_bytes(key["x"]))
    return {"kty": "OKP", "crv": "Ed25519", "x": key["x"], "alg": "EdDSA"}


_READERS: dict[str, Callable[[Mapping[str, Any]], dict[str, str] | None]] = {
    "RSA": _rsa,
    "EC": _ec,
    "OKP": _okp,
}


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text), "big")
