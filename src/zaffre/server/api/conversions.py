"""Routes of conversions."""

from typing import Any

import fastapi

from zaffre.contracts import conversion as contract
from zaffre.server.api import auth, context
from zaffre.server.conversion import service

router = fastapi.APIRouter(tags=["models"])


@router.post("/workspaces/{workspace}/models/{name}/versions/{version}/convert", status_code=202)
def convert(
    workspace: str, name: str, version: str, body: context.Body, caller: auth.CallerDep, parts: context.Deps
) -> dict[str, Any]:
    """Convert a version to another form, as a new version; answers with the operation to poll."""
    asked = contract.Conversion.parse(body)
    with parts.database.write() as uow:
        return service.begin(
            uow, caller, workspace, name, version=version, asked=asked, table=parts.online.room.curated
        )
