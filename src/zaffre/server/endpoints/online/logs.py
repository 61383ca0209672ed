"""What a deployment's processes wrote, from the first line of `init()`, and what its build said before they started."""

import dataclasses

from zaffre.core import errors
from zaffre.server import access, db
from zaffre.server.compute import ports
from zaffre.server.endpoints.online import facts, preparing, rows, store
from zaffre.server.endpoints.online import room as rooms


@dataclasses.dataclass(frozen=True)
class Sources:
    """Whose output to read: sets of processes, and what is kept of a failure when none of them is left."""

    sets: tuple[str, ...]
    last_lines: tuple[str, ...]


def sources(uow: db.UnitOfWork, caller: access.Caller, workspace: str, endpoint: str, name: str) -> Sources:
    """Where a deployment's output is. Raises NotFound."""
    access.require(caller, "endpoints/read", rooms.resource(workspace, endpoint))
    row = rows.deployment(uow, workspace, endpoint, name)
    known = store.get_revisions(uow, [item for item in (row.wanted, row.serving) if item])
    return Sources(tuple(dict.fromkeys(item.replicas for item in known)), tuple(row.last_lines))


def read(
    runner: ports.ServiceRunner, preparations: preparing.Preparations, found: Sources, *, lines: int = 5000
) -> str:
    """The newest lines of every instance, each below a heading that names it."""
    parts = [_build_log(preparations, set_id, lines) for set_id in found.sets]
    slots = [slot for slot in map(facts.Slot.parse, runner.list()) if slot and slot.replicas in found.sets]
    parts += [_instance_log(runner, slot, lines) for slot in sorted(slots)]
    if not slots:
        parts += found.last_lines
    return "\n".join(part for part in parts if part)


def _build_log(preparations: preparing.Preparations, set_id: str, lines: int) -> str:
    said = preparations.said(set_id)[-lines:]
    return "\n".join([f"=== environment of revision {set_id} ===", *said, ""]) if said else ""


def _instance_log(runner: ports.ServiceRunner, slot: facts.Slot, lines: int) -> str:
    try:
        text = runner.logs(slot.service_id, lines=lines)
    except errors.NotFound:
        return ""
    return f"=== instance {slot.instance}, worker {slot.worker}, revision {slot.replicas} ===\n{text}"
