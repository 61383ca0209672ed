"""Routes of load profiles."""

from typing import Any

import fastapi

from zaffre.contracts import profile as contract
from zaffre.server.api import auth, context
from zaffre.server.profiling import service

router = fastapi.APIRouter(tags=["models"])


@router.post("/workspaces/{workspace}/profiles", status_code=202)
def create(workspace: str, body: context.Body, caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """Find by trying what one replica of a model needs; answers with the operation, whose result is the profile."""
    asked = contract.Profile.parse(body)
    with parts.database.write() as uow:
        return service.begin(uow, caller, workspace, asked=asked, table=parts.online.room.curated)
