"""Endpoints that are opened by tokens: which tokens, who signs them, and the ones that this server gives out itself.

`aml_token`: this server signs; a token is for one endpoint, and for one that was deleted and made anew it is none.
`aad_token`: an issuer that the administrator trusts signs; the endpoint says for whom. Keys have `keys`.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from zaffre.contracts import online_endpoint as contract
from zaffre.core import errors
from zaffre.server import access, db, secrets
from zaffre.server.endpoints.online import room as rooms
from zaffre.server.endpoints.online import rows
from zaffre.server.endpoints.router import wanted
from zaffre.server.secrets import signing

_OWN = "zaffre"
_SKEW_S = 10
_REFRESH_AT = 0.8


def check(room: rooms.Room, endpoint: contract.OnlineEndpoint) -> None:
    """Raise Invalid or Unsupported for a way to authenticate that this installation cannot offer."""
    extension = endpoint.zaffre or contract.EndpointExtension()
    named = [key for key in ("issuer", "audience", "required_claims") if getattr(extension, key)]
    if endpoint.auth_mode != "aad_token":
        if named:
            raise errors.Invalid(
                f"endpoints/{endpoint.name}: zaffre.{named[0]} is for auth_mode aad_token, not {endpoint.auth_mode}.",
                hint="Leave it out, or change auth_mode.",
            )
        return
    known = [issuer.url for issuer in room.tokens.issuers]
    if not known:
        raise errors.Unsupported(
            f"endpoints/{endpoint.name}: auth_mode aad_token needs an OpenID Connect issuer, and this server trusts none.",
            hint="An administrator names it in ZAFFRE_OIDC_ISSUERS; or use auth_mode key or aml_token.",
        )
    if extension.issuer and extension.issuer not in known:
        raise errors.Invalid(
            f"endpoints/{endpoint.name}: this server does not trust the issuer {extension.issuer!r}.",
            hint=f"It trusts {', '.join(known)} (setting oidc_issuers).",
        )


def rule(tokens: rooms.Tokens, row: Any) -> wanted.TokenRule | None:
    """Which tokens open the endpoint of a row; None when keys do."""
    mode = row.body.get("auth_mode", "key")
    if mode == "key":
        return None
    if mode == "aml_token":
        return wanted.TokenRule(_OWN, _audience(row))
    url, audience = _wanted(tokens, row)
    claims = (row.body.get("zaffre") or {}).get("required_claims") or {}
    return wanted.TokenRule(secrets.issuer_name(url), audience, claims)


def with_tokens(
    wish: wanted.Wanted, endpoints: Iterable[Any], tokens: rooms.Tokens, published: str
) -> wanted.Wanted:
    """The router's wish with everything about tokens in it; `published` are this server's own public keys."""
    rules = {(row.workspace, row.name): rule(tokens, row) for row in endpoints}
    opened = tuple(
        dataclasses.replace(item, tokens=rules.get((item.workspace, item.name))) for item in wish.endpoints
    )
    return dataclasses.replace(wish, endpoints=opened, providers=providers(published, tokens.issuers))


def providers(published: str, issuers: Iterable[secrets.Issuer]) -> tuple[wanted.Provider, ...]:
    """Everybody who may sign; `published` are this server's own public keys."""
    own = wanted.Provider(_OWN, signing.ISSUER, published)
    return (own, *(wanted.Provider(item.name, item.url, item.keys, _SKEW_S) for item in issuers))


def token(
    uow: db.UnitOfWork, caller: access.Caller, room: rooms.Room, workspace: str, name: str
) -> dict[str, Any]:
    """A new token for an endpoint with auth_mode aml_token, with the fields that Azure's answer has. Raises Invalid."""
    access.require(caller, "endpoints/invoke", rooms.resource(workspace, name))
    row = rows.endpoint(uow, workspace, name)
    mode = row.body.get("auth_mode", "key")
    if mode != "aml_token":
        hint = "Use its keys." if mode == "key" else f"Ask {_described(room.tokens, row)} for a token."
        raise errors.Invalid(
            f"endpoints/{name} has auth_mode {mode}; this server gives out no tokens for it.", hint=hint
        )
    lifetime = dt.timedelta(seconds=room.tokens.lifetime_s)
    claims = {"aud": _audience(row), "sub": caller.name}
    text, expires = signing.sign(uow, room.box, claims, lifetime=lifetime)
    ends = int(expires.timestamp())
    return {
        "access_token": text,
        "expiry_time_utc": ends,
        "refresh_after_time_utc": ends - int(room.tokens.lifetime_s * (1 - _REFRESH_AT)),
        "token_type": "Bearer",
    }


def _described(tokens: rooms.Tokens, row: Any) -> str:
    url, audience = _wanted(tokens, row)
    return f"{url or 'the issuer'} (audience {audience})"


def _wanted(tokens: rooms.Tokens, row: Any) -> tuple[str, str]:
    """The issuer and the audience of an aad_token endpoint."""
    extension: Mapping[str, Any] = row.body.get("zaffre") or {}
    url = extension.get("issuer") or (tokens.issuers[0].url if tokens.issuers else "")
    return url, extension.get("audience") or tokens.audience


def _audience(row: Any) -> str:
    """Names this endpoint and no later one of the same name."""
    made = int(row.created_at.timestamp() * 1e6)
    return f"zaffre:workspaces/{row.workspace}/endpoints/{row.name}/{made}"
