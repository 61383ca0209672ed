"""Routes of the audit trail."""

import datetime as dt
from typing import Annotated, Any

import fastapi
import pydantic

from zaffre.server import audit
from zaffre.server.api import auth, context

router = fastapi.APIRouter(tags=["audit"])


class AuditQuery(pydantic.BaseModel):
    """What lines are wanted; whatever is left out matches all."""

    model_config = pydantic.ConfigDict(extra="forbid")

    actor: str | None = None
    action: str | None = None
    workspace: str | None = None
    subject: str | None = None
    since: dt.datetime | None = None
    cursor: str | None = None
    limit: int = pydantic.Field(default=100, ge=1, le=1000)


@router.get("/audit")
def search(
    caller: auth.CallerDep,
    parts: context.Deps,
    query: Annotated[AuditQuery, fastapi.Query()],
) -> dict[str, Any]:
    """Who did what, when and why; newest first."""
    wanted = query.model_dump(include={"actor", "action", "workspace", "subject"}, exclude_none=True)
    with parts.database.read() as uow:
        return audit.search(
            uow, caller, wanted=wanted, since=query.since, cursor=query.cursor, limit=query.limit
        )
