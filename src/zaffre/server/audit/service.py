"""Record every event as a line of the audit trail, and find lines again."""

import datetime as dt
from collections.abc import Sequence
from typing import Any

from zaffre.contracts import envelopes
from zaffre.core import clock, errors
from zaffre.server import db
from zaffre.server.access import callers
from zaffre.server.audit import store


def record(uow: db.UnitOfWork, told: Sequence[envelopes.Envelope]) -> None:
    """A subscriber of events: one line per event, however often it is told."""
    store.insert(uow, [_row(envelope) for envelope in told])


def _row(envelope: envelopes.Envelope) -> dict[str, Any]:
    return {
        "event_id": envelope.id,
        "time": envelope.time,
        "actor": envelope.actor,
        "action": envelope.type,
        "workspace": envelope.workspace,
        "subject": envelope.subject,
        "reason": envelope.reason,
        "request_id": envelope.request_id,
        "data": envelope.data,
    }


def search(
    uow: db.UnitOfWork,
    caller: callers.Caller,
    *,
    wanted: dict[str, str],
    since: dt.datetime | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> dict[str, Any]:
    """A page of the trail, newest first. `wanted` may name actor, action, workspace, subject, request_id."""
    workspace = wanted.get("workspace")
    callers.require(caller, "audit/read", f"workspaces/{workspace}" if workspace else "server")
    rows = store.search(uow, wanted, since=since, before=_parse(cursor), limit=limit + 1)
    page = rows[:limit]
    more = f"{clock.isoformat(page[-1].time)}~{page[-1].event_id}" if len(rows) > limit else None
    return {"items": [_line(row) for row in page], "next": more}


def _parse(cursor: str | None) -> tuple[dt.datetime, str] | None:
    if cursor is None:
        return None
    time, _, event_id = cursor.partition("~")
    try:
        return clock.parse(time), event_id
    except ValueError:
        raise errors.Invalid(
            "The cursor is not one that a page gave.", hint="Start again without it."
        ) from None


def _line(row: Any) -> dict[str, Any]:
    names = ("actor", "action", "workspace", "subject", "reason", "request_id", "data")
    values = {name: getattr(row, name) for name in names}
    return {"id": row.event_id, "time": clock.isoformat(row.time), **values}
