"""Routes of what the server trusts and is trusted by: certificates, issuers, signing keys. Private keys are never shown."""

from typing import Any

import fastapi

from zaffre.server.access import callers
from zaffre.server.api import auth, context
from zaffre.server.secrets import signing

router = fastapi.APIRouter(tags=["server"])


@router.get("/server/issuers")
async def list_issuers(caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """The OpenID Connect issuers whose tokens may open endpoints, and the ids of their keys that are known."""
    callers.require(caller, "server/read", "server")
    return {"items": [issuer.facts() for issuer in parts.online.room.tokens.issuers], "next": None}


@router.post("/server/signing-keys", status_code=201)
def rotate(caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """Make a new key for tokens of endpoints; it signs in a minute. Tokens that exist stay valid until they expire."""
    with parts.database.write() as uow:
        return {"kid": signing.rotate(uow, caller, parts.online.room.box)}


@router.get("/server/certificates")
async def list_all(caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """The certificate of each listener that speaks TLS, when it expires, and why a newer one was refused."""
    callers.require(caller, "server/read", "server")
    return {"items": [keeper.facts() for keeper in parts.certificates], "next": None}
