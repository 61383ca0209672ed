"""Start, advance and end operations. Rooms that work long start one; whoever asked polls it through `access.polling`.

Stands below `access`, so it asks nobody for permission: the services that call it have asked.
"""

import dataclasses
import uuid
from collections.abc import Iterable
from typing import Any, Protocol

from zaffre.core import clock, errors
from zaffre.server import db
from zaffre.server.operations import store


class GivenUp(errors.Conflict):
    """Somebody gave the work up while it was done; `Task`s raise it where they look."""


class Starter(Protocol):
    """Who asked for the work; a caller of `access` is one."""

    @property
    def name(self) -> str: ...


@dataclasses.dataclass(frozen=True)
class Task:
    """An operation that a worker does by itself, from what was asked."""

    id: str
    kind: str
    workspace: str
    subject: str
    created_by: str
    request: dict[str, Any]


def start(
    uow: db.UnitOfWork,
    starter: Starter,
    *,
    kind: str,
    workspace: str,
    subject: str,
    request: dict[str, Any] | None = None,
    message: str = "",
) -> dict[str, Any]:
    """Record that work on a thing has begun. `request` is what a worker needs to do it, also after a restart; `message` what
    people are told until somebody has begun with it."""
    now = clock.now()
    row = {
        "id": uuid.uuid4().hex,
        "kind": kind,
        "workspace": workspace,
        "subject": subject,
        "state": "Running",
        "progress": 0.0,
        "message": message,
        "error": None,
        "result": None,
        "request": request,
        "created_at": now,
        "created_by": starter.name,
        "modified_at": now,
    }
    store.insert(uow, row)
    return shape(row)


def advance(uow: db.UnitOfWork, operation_id: str, *, progress: float, message: str) -> None:
    """Say how far the work is, from 0 to 1, and what happens now."""
    values = {"progress": progress, "message": message, "modified_at": clock.now()}
    store.update(uow, operation_id, values)


def end(
    uow: db.UnitOfWork, operation_id: str, *, error: errors.ZaffreError | None = None, result: Any = None
) -> None:
    """Record how the work ended; an operation that has ended stays as it is, but for the last words of one given up."""
    row = store.get(uow, operation_id)
    if row is not None and row.state == "Canceled" and isinstance(error, GivenUp):
        store.update(uow, operation_id, {"error": errors.to_problem(error), "modified_at": clock.now()})
    if row is None or row.state != "Running":
        return
    values: dict[str, Any] = {"modified_at": clock.now(), "result": result}
    if error is None:
        values.update(state="Succeeded", progress=1.0)
    else:
        state = "TimedOut" if isinstance(error, errors.TimedOut) else "Failed"
        values.update(state=state, error=errors.to_problem(error), message=error.detail)
    store.update(uow, operation_id, values)


def cancel(uow: db.UnitOfWork, operation_id: str) -> dict[str, Any] | None:
    """Give a task up; the worker that does it sees it. None when it is no task, or has ended."""
    row = store.get(uow, operation_id)
    if row is None or row.state != "Running" or row.request is None:
        return None
    store.update(uow, operation_id, {"state": "Canceled", "modified_at": clock.now()})
    return get(uow, operation_id)


def tasks(uow: db.UnitOfWork, kinds: Iterable[str] | None = None) -> list[Task]:
    """Tasks of these kinds, or of all, that are not done, oldest first."""
    rows = store.list_open_of(uow, None if kinds is None else list(kinds))
    names = [field.name for field in dataclasses.fields(Task)]
    return [Task(**{name: getattr(row, name) for name in names}) for row in rows if row.request is not None]


def open_on(uow: db.UnitOfWork, workspace: str, subject: str) -> list[dict[str, Any]]:
    """The work in progress on a thing, oldest first."""
    return [shape(row._mapping) for row in store.list_open(uow, workspace, subject)]


def any_open(uow: db.UnitOfWork) -> bool:
    """Whether any work is in progress, on whatever thing."""
    return store.any_open(uow)


def get(uow: db.UnitOfWork, operation_id: str) -> dict[str, Any] | None:
    """One operation, or None."""
    row = store.get(uow, operation_id)
    return None if row is None else shape(row._mapping)


def shape(row: Any) -> dict[str, Any]:
    """An operation as the world sees it."""
    names = ("id", "kind", "workspace", "subject", "state", "error", "result", "created_by")
    return {
        **{name: row[name] for name in names},
        "progress": {"fraction": row["progress"], "message": row["message"]},
        "created_at": clock.isoformat(row["created_at"]),
        "modified_at": clock.isoformat(row["modified_at"]),
    }


def counts(uow: db.UnitOfWork) -> dict[tuple[str, str], int]:
    """How many operations there are, by kind and state."""
    return store.counts(uow)
