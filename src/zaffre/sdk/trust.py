"""Whom a client believes over TLS, and how it says who it is: arguments, then `ZAFFRE_*`, then what other tools read.

Used by the session with the server, by calls to endpoints, and by the command line before any HTTP library is loaded.
The certificate of this user's own server, on this machine, is believed because it lies in the server's private home.
"""

import dataclasses
import ipaddress
import json
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from zaffre.core import errors, settings

_LISTENERS = {"url": "control-plane", "scoring_url": "endpoints"}


@dataclasses.dataclass(frozen=True)
class Trust:
    """`ca_bundle` is a PEM file of authorities, `certificate` and `key` are the client's own; empty ones are not set.
    A bundle of the environment is meant for servers elsewhere; `for_all` says that this one was asked for."""

    ca_bundle: str = ""
    certificate: str = ""
    key: str = ""
    home: Path | None = None
    for_all: bool = False

    @classmethod
    def find(
        cls, *, verify: Any = None, certificate: Any = None, environ: Mapping[str, str] | None = None
    ) -> Self:
        """`verify` and `certificate` as azure's and requests' clients take them. Raises Invalid for `verify=False`."""
        given = settings.client_environment(environ)
        if verify is False:
            raise errors.Invalid(
                "A connection whose other end is not verified is not made (connection_verify=False).",
                hint="Give the authority's PEM file: connection_verify='ca.pem', or ZAFFRE_CA_BUNDLE.",
            )
        asked_for = bool(verify) and verify is not True
        bundle = verify if asked_for else _bundle(given)
        own = (certificate, "") if isinstance(certificate, str) else certificate
        if own is None:
            own = (given.get("ZAFFRE_CLIENT_CERTIFICATE", ""), given.get("ZAFFRE_CLIENT_KEY", ""))
        folder = given.get("ZAFFRE_HOME")
        home = Path(folder).absolute() if folder else Path.home() / ".zaffre"
        return cls(str(bundle), str(own[0]), str(own[1]), home, asked_for)

    def context(self, url: str) -> ssl.SSLContext:
        """What connections to this address are made with. Raises Invalid when a file cannot be used."""
        if urlsplit(url).scheme != "https":
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # never asked: there is no handshake
        pinned = None if self.for_all else self._own_server(url)
        if pinned is not None:
            return _OwnServer.of(pinned, self)
        try:
            context = ssl.create_default_context(cafile=self.ca_bundle or None)
        except (OSError, ssl.SSLError) as error:
            raise errors.Invalid(
                f"The CA bundle {self.ca_bundle} cannot be used: {error.strerror or error}.",
                hint="It is a PEM file of certificates; ZAFFRE_CA_BUNDLE names it.",
            ) from error
        if not self.ca_bundle:
            _load_known_authorities(context)
        self.introduce(context)
        return context

    def introduce(self, context: ssl.SSLContext) -> None:
        """Let the context show the client's own certificate, if there is one."""
        if not self.certificate:
            return
        try:
            context.load_cert_chain(self.certificate, self.key or None)
        except (OSError, ssl.SSLError) as error:
            raise errors.Invalid(
                f"The client certificate {self.certificate} cannot be used: {error.strerror or error}.",
                hint="ZAFFRE_CLIENT_CERTIFICATE and ZAFFRE_CLIENT_KEY name PEM files that belong together.",
            ) from error

    def curl_options(self, url: str) -> list[str]:
        """The words that let curl reach this address as we do."""
        if urlsplit(url).scheme != "https":
            return []
        pinned = None if self.for_all else self._own_server(url)
        given = {"--cacert": pinned or self.ca_bundle, "--cert": self.certificate, "--key": self.key}
        return [word for name, value in given.items() if value for word in (name, str(value))]

    def _own_server(self, url: str) -> Path | None:
        """The certificate of the home's own server, when the address is its own."""
        parts = urlsplit(url)
        if self.home is None:
            return None
        try:
            known = json.loads((self.home / "server.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        for field, listener in _LISTENERS.items():
            file = self.home / "tls" / f"{listener}.crt"
            own = urlsplit(str(known.get(field, ""))) if isinstance(known, dict) else urlsplit("")
            # The address of endpoints may be a setting, and somebody else's certificate be shown there.
            here = _is_here(parts.hostname or "") or (field == "url" and parts.hostname == own.hostname)
            if here and own.port == parts.port and file.exists():
                return file
        return None


class _OwnServer(ssl.SSLContext):
    """Believes exactly the one certificate in a file, whatever names it bears; reads it anew for each connection,
    because it may be replaced."""

    _file: Path
    _trust: Trust

    @classmethod
    def of(cls, file: Path, trust: Trust) -> Self:
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context._file, context._trust = file, trust
        return context

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        """What HTTP libraries ask for at each new connection."""
        return self._now().wrap_socket(*arguments, **options)

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """The same for those that work with asyncio."""
        return self._now().wrap_bio(*arguments, **options)

    def _now(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN
        context.load_verify_locations(cafile=self._file)
        self._trust.introduce(context)
        return context


def _bundle(given: Mapping[str, str]) -> str:
    for name in ("ZAFFRE_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"):
        if given.get(name):
            return given[name]
    return ""


def _load_known_authorities(context: ssl.SSLContext) -> None:
    """The public authorities, also where the machine itself has no list of them."""
    try:
        import certifi  # it costs start-up time, which calls to http:// addresses need not pay
    except ImportError:
        return
    context.load_verify_locations(cafile=certifi.where())


def _is_here(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost"
    return address.is_loopback or address.is_unspecified
