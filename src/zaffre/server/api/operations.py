"""Routes of operations: long work that is polled."""

from typing import Any

import fastapi

from zaffre.server.access import polling
from zaffre.server.api import auth, context

router = fastapi.APIRouter(tags=["operations"])


@router.get("/workspaces/{workspace}/operations/{operation_id}")
def show(workspace: str, operation_id: str, caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """How far a piece of work is, and how it ended."""
    with parts.database.read() as uow:
        return polling.show(uow, caller, workspace, operation_id)


@router.post("/workspaces/{workspace}/operations/{operation_id}/cancel")
def cancel(workspace: str, operation_id: str, caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """Give up work that can be given up: a conversion, a profile."""
    with parts.database.write() as uow:
        return polling.cancel(uow, caller, workspace, operation_id)
