"""TLS of the control plane: a context whose certificate is replaced while connections live, and where both listeners'
certificates come from."""

import ssl
from pathlib import Path
from typing import Any

from zaffre.core import errors, private_files, settings
from zaffre.server import secrets
from zaffre.server.app import home as homes
from zaffre.server.endpoints.router import envoy
from zaffre.server.endpoints.router import tls as router_tls

CONTROL_PLANE = "control-plane"
ENDPOINTS = "endpoints"


class RenewableContext(ssl.SSLContext):
    """Hands every new connection to the newest context; connections that exist keep theirs."""

    _newest: ssl.SSLContext

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        """What asyncio asks for at each new connection."""
        return self._newest.wrap_bio(*arguments, **options)

    def install(self, pair: secrets.Pair, folder: Path) -> None:
        """Use this pair for new connections. Raises Invalid when OpenSSL does not take it."""
        self._newest = _context(pair, folder)


def control_plane(configured: settings.Settings) -> secrets.Paths | None:
    """The files of the control plane's certificate, if it has one."""
    return secrets.Paths.of(
        configured.tls_certificate, configured.tls_key, configured.tls_client_ca, prefix=""
    )


def endpoints(configured: settings.Settings) -> secrets.Paths | None:
    """The files of the endpoints' certificate, if they have one."""
    return secrets.Paths.of(
        configured.scoring_tls_certificate,
        configured.scoring_tls_key,
        configured.scoring_tls_client_ca,
        prefix="scoring_",
    )


def mode(paths: secrets.Paths | None) -> router_tls.Mode:
    """How the router listens."""
    return router_tls.Mode(encrypted=paths is not None, client_certificates=bool(paths and paths.client_ca))


def router_keepers(
    paths: secrets.Paths | None, home: homes.Home, router: envoy.Envoy
) -> tuple[secrets.Keeper, ...]:
    """Who keeps the router's certificate fresh. Raises Invalid when the first pair is no good."""
    if paths is None:
        return ()
    keeper = secrets.Keeper(ENDPOINTS, paths, home.path / "tls", router.install)
    keeper.start()
    return (keeper,)


def serve(
    paths: secrets.Paths | None, home: homes.Home
) -> tuple[RenewableContext | None, tuple[secrets.Keeper, ...]]:
    """The control plane's context, and who keeps it fresh. Raises Invalid when the first pair is no good."""
    if paths is None:
        return None, ()
    context = RenewableContext(ssl.PROTOCOL_TLS_SERVER)
    folder = home.path / "tls"

    def install(pair: secrets.Pair, _previous: secrets.Pair | None) -> None:
        context.install(pair, folder)

    keeper = secrets.Keeper(CONTROL_PLANE, paths, folder, install)
    keeper.start()
    return context, (keeper,)


def warnings(configured: settings.Settings) -> list[str]:
    """What whoever starts the server should know: listeners that others can reach and anybody on the way can read."""
    listeners = (
        ("The control plane", configured.host, control_plane(configured), "ZAFFRE_TLS_CERTIFICATE and ZAFFRE_TLS_KEY"),
        ("The endpoints' router", configured.scoring_host, endpoints(configured), "ZAFFRE_SCORING_TLS_CERTIFICATE and ZAFFRE_SCORING_TLS_KEY"),
    )  # fmt: skip
    return [
        f"{name} listens on {host or 'every address'} without TLS: tokens, keys and data can be read on the way. Set {variables}."
        for name, host, paths, variables in listeners
        if paths is None and not _is_loopback(host)
    ]


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


def _context(pair: secrets.Pair, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # Python's ssl reads keys from files only; this one is private, and holds what was checked.
    both = folder / ".handed-over.pem"
    private_files.write(both, pair.chain + "\n" + pair.key)
    try:
        context.load_cert_chain(both)
        if pair.client_ca:
            context.load_verify_locations(cadata=pair.client_ca)
            context.verify_mode = ssl.CERT_REQUIRED
    except ssl.SSLError as error:
        raise errors.Invalid(
            f"The certificate of {pair.subject} cannot be used: {error.reason or error}.",
            hint="Make a new one.",
        ) from error
    finally:
        both.unlink(missing_ok=True)
    return context
