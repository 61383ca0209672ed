"""Who did what, when and why."""

from typing import Any

import pydantic

from zaffre.contracts import base


class AuditRecord(pydantic.BaseModel):
    """One change. `action` is the type of the event, `subject` the identity of the thing, `data` the event's values."""

    model_config = pydantic.ConfigDict(extra="ignore")

    id: str
    time: base.Moment
    actor: str
    action: str
    subject: str
    workspace: str | None = None
    reason: str | None = None
    request_id: str | None = None
    data: dict[str, Any] = {}
