"""Routes of lineage."""

from typing import Any, Literal

import fastapi

from zaffre.server import lineage
from zaffre.server.api import auth, context

router = fastapi.APIRouter(tags=["lineage"])


@router.get("/workspaces/{workspace}/lineage/{subject:path}")
def show(
    workspace: str,
    subject: str,
    caller: auth.CallerDep,
    parts: context.Deps,
    direction: Literal["behind", "made-from"] = "behind",
) -> dict[str, Any]:
    """Everything behind a thing, or everything that was made from it."""
    look = lineage.trace if direction == "behind" else lineage.dependents
    with parts.database.read() as uow:
        return look(uow, caller, workspace, subject)
