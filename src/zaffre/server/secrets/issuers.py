"""The keys of OpenID Connect issuers that the administrator trusts: found by discovery, kept on disk, fetched anew.

The control plane fetches them, not the router: one place that knows authorities and proxies, keys that outlive a restart of
either, and an issuer that is down changes nothing for the keys that are known. Only addresses that settings name are
asked. `workers.issuers` calls `look`. Judges no token.
"""

import hashlib
import json
import ssl
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from zaffre.core import clock, errors, private_files
from zaffre.server.secrets import jwks

REFRESH_S = 600.0
AGAIN_S = 10.0
"""At most so often is an issuer asked, whatever tokens are refused."""

_DISCOVERY = "/.well-known/openid-configuration"
_LARGEST = 1 << 20
_TIMEOUT_S = 5.0


class Issuer:
    """One issuer. `name` is what the router calls it; `asked` counts how often it was asked."""

    def __init__(self, url: str, folder: Path, *, ca_bundle: str = "") -> None:
        self.url = url
        self.name = issuer_name(url)
        self.problem = ""
        self.asked = 0
        self._ca_bundle = ca_bundle
        self._file = folder / f"{self.name}.json"
        self._fetched_at: str | None = None
        self._asked_at = float("-inf")
        self._lock = threading.Lock()
        self._keys: str = self._kept()

    @property
    def keys(self) -> str:
        """The public keys that are known, as a JSON Web Key Set; empty as long as none are."""
        return self._keys

    def look(self, *, doubted: bool) -> bool:
        """Fetch the keys when they are due, or soon when a token was refused (`doubted`); whether they changed."""
        waited_s = time.monotonic() - self._asked_at
        wait_s = AGAIN_S if doubted or self.problem or not self._keys else REFRESH_S
        if waited_s < wait_s:
            return False
        with self._lock:
            self._asked_at = time.monotonic()
            self.asked += 1
            try:
                fetched = self._fetch()
            except (httpx.HTTPError, errors.ZaffreError, ValueError, OSError) as error:
                self.problem = f"{error}" or type(error).__name__
                return False
            self.problem = ""
            self._fetched_at = clock.isoformat(clock.now())
            changed = fetched != self._keys
            if changed:
                private_files.write(self._file, json.dumps({"url": self.url, "keys": fetched}))
                self._keys = fetched
            return changed

    def facts(self) -> dict[str, Any]:
        """What people may know of it."""
        kids = [key.get("kid") for key in json.loads(self._keys)["keys"]] if self._keys else []
        facts = {"issuer": self.url, "keys": kids, "fetched_at": self._fetched_at}
        return {**facts, "problem": self.problem or None}

    def _fetch(self) -> str:
        verify = ssl.create_default_context(cafile=self._ca_bundle) if self._ca_bundle else True
        with httpx.Client(timeout=_TIMEOUT_S, verify=verify, follow_redirects=False) as client:
            described = _json(client, self.url.rstrip("/") + _DISCOVERY)
            if described.get("issuer") != self.url:
                raise errors.Invalid(
                    f"{self.url} calls itself {str(described.get('issuer'))[:200]!r}.",
                    hint="Set oidc_issuers to exactly that.",
                )
            address = str(described.get("jwks_uri") or "")
            check_url(address, "jwks_uri")
            found = jwks.usable(_json(client, address))
        if not found:
            raise errors.Invalid(f"{address} has no public key that tokens can be checked with.")
        return json.dumps({"keys": found}, sort_keys=True)

    def _kept(self) -> str:
        try:
            kept = json.loads(self._file.read_text(encoding="utf-8"))
            return str(kept["keys"]) if kept["url"] == self.url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""  # nothing was fetched yet, or not by this version: it is fetched now


def issuer_name(url: str) -> str:
    """What the router calls the issuer at an address."""
    return f"issuer-{hashlib.sha256(url.encode()).hexdigest()[:12]}"


def check_url(url: str, what: str) -> None:
    """Raise Invalid unless an address is https, or http on this very machine."""
    parts = urlsplit(url)
    here = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or (parts.scheme != "https" and not (parts.scheme == "http" and here)):
        raise errors.Invalid(
            f"{what}: {url[:200]!r} is not an https address.",
            hint="Keys that come in the clear could be anybody's; http is for loopback only.",
        )
    if parts.username or parts.password:
        raise errors.Invalid(f"{what}: the address carries a user or password.")


def _json(client: httpx.Client, url: str) -> dict[str, Any]:
    with client.stream("GET", url, headers={"accept": "application/json"}) as answer:
        if answer.status_code != 200:
            raise errors.Unavailable(f"{url} answered {answer.status_code}.")
        pieces, size = [], 0
        for piece in answer.iter_bytes():
            pieces.append(piece)
            size += len(piece)
            if size > _LARGEST:
                raise errors.TooLarge(f"{url} answers with more than {_LARGEST} bytes.")
    document = json.loads(b"".join(pieces))
    if not isinstance(document, dict):
        raise errors.Invalid(f"{url} does not answer with a JSON object.")
    return document
