"""TLS of the router's listener: the words that Envoy reads, and its certificate given to it as one private file.

Called by `envoy`. Certificate and key stand in one file, so that no handshake ever meets the one without the other. Reads no
user's file and judges no certificate: `secrets.certificates` did.
"""

import dataclasses
from collections.abc import Callable

from zaffre.core import errors
from zaffre.server import secrets
from zaffre.server.endpoints.router import files

FOLDER = "sds"
CERTIFICATE = "certificate"
CLIENT_CA = "client_ca"
_TLS = files.TYPE + "extensions.transport_sockets.tls.v3."

Apply = Callable[[str, files.Document], None]
"""Moves a file of this name into place and waits until Envoy has taken it."""


@dataclasses.dataclass(frozen=True)
class Mode:
    """How the listener speaks: in the clear, by TLS, or by TLS with nobody but clients that show a good certificate."""

    encrypted: bool = False
    client_certificates: bool = False

    @property
    def scheme(self) -> str:
        return "https" if self.encrypted else "http"

    def transport_socket(self, folder: str) -> files.Document | None:
        """What makes a listener speak so; its certificate comes from below the router's folder."""
        if not self.encrypted:
            return None
        context: files.Document = {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificate_sds_secret_configs": [_watched(folder, CERTIFICATE)],
        }
        if self.client_certificates:
            context["validation_context_sds_secret_config"] = _watched(folder, CLIENT_CA)
        return {
            "name": "tls",
            "typed_config": {
                "@type": _TLS + "DownstreamTlsContext",
                "common_tls_context": context,
                "require_client_certificate": self.client_certificates,
            },
        }


PLAIN = Mode()


def documents(pair: secrets.Pair) -> dict[str, files.Document]:
    """The files that hold a pair, by name. They hold the key, so they are the owner's alone."""
    chain = {"certificate_chain": {"inline_string": pair.chain}, "private_key": {"inline_string": pair.key}}
    found = {CERTIFICATE: _secret(CERTIFICATE, "tls_certificate", chain)}
    if pair.client_ca:
        trusted = {"trusted_ca": {"inline_string": pair.client_ca}}
        found[CLIENT_CA] = _secret(CLIENT_CA, "validation_context", trusted)
    return found


def install(apply: Apply, pair: secrets.Pair, previous: secrets.Pair | None) -> None:
    """Give Envoy a pair. Raises Invalid when it does not take it, and leaves the previous one in the files then."""
    try:
        _give(apply, pair)
    except errors.Unavailable as error:
        if previous is not None:
            _give(apply, previous)
        raise errors.Invalid(
            f"The router does not take the certificate of {pair.subject}: {error.detail}",
            hint="It takes RSA keys of 2048 bits and more, and ECDSA keys on P-256, P-384 and P-521.",
        ) from error


def _give(apply: Apply, pair: secrets.Pair) -> None:
    for name, document in documents(pair).items():
        apply(name, document)


def _secret(name: str, kind: str, content: files.Document) -> files.Document:
    return files.versioned([{"@type": _TLS + "Secret", "name": name, kind: content}])


def _watched(folder: str, name: str) -> files.Document:
    return {"name": name, "sds_config": files.watched(f"{folder}/{FOLDER}", f"{name}.json")}
