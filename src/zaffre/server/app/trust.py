"""Whose tokens open endpoints, from the settings."""

from collections.abc import Callable

from zaffre.core import errors, settings
from zaffre.server import db, secrets
from zaffre.server.app import home as homes
from zaffre.server.endpoints.online import room as rooms
from zaffre.server.endpoints.router import envoy
from zaffre.server.workers import issuers, loop

_LONGEST_S = 86400.0


def watch(
    database: db.Database,
    box: secrets.Box,
    trusted: rooms.Tokens,
    router: envoy.Envoy,
    *,
    wake: Callable[[], None],
) -> loop.Loop:
    """What keeps the keys fresh that tokens are checked with; `wake` lets the router learn of new ones."""
    return issuers.build(database, box, trusted.issuers, refused=router.refused_tokens, wake=wake)


def tokens(configured: settings.Settings, home: homes.Home) -> rooms.Tokens:
    """The trusted issuers with the keys that are known of them. Raises Invalid for addresses that cannot be trusted."""
    folder = home.path / "oidc"
    folder.mkdir(mode=0o700, exist_ok=True)
    urls = configured.oidc_issuers.split()
    for url in urls:
        secrets.check_url(url, "oidc_issuers")
    if not 0 < configured.endpoint_token_lifetime_s <= _LONGEST_S:
        raise errors.Invalid(
            f"endpoint_token_lifetime_s must be from 1 to {_LONGEST_S:.0f}, not {configured.endpoint_token_lifetime_s:g}."
        )
    return rooms.Tokens(
        tuple(
            secrets.Issuer(url, folder, ca_bundle=configured.oidc_ca_bundle) for url in dict.fromkeys(urls)
        ),
        configured.oidc_audience,
        configured.endpoint_token_lifetime_s,
    )
