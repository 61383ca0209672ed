"""Routes of the certificates that the server's listeners use. Their keys are never shown."""

from typing import Any

import fastapi

from zaffre.server.access import callers
from zaffre.server.api import auth, context

router = fastapi.APIRouter(tags=["server"])


@router.get("/server/certificates")
async def list_all(caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """The certificate of each listener that speaks TLS, when it expires, and why a newer one was refused."""
    callers.require(caller, "server/read", "server")
    return {"items": [keeper.facts() for keeper in parts.certificates], "next": None}
