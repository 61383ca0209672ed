"""What a deployment's processes wrote, from the first line of `init()`, and what its build said before they started."""

from zaffre.core import errors
from zaffre.server import access, db
from zaffre.server.compute import ports
from zaffre.server.endpoints.online import facts, preparing, rows, store
from zaffre.server.endpoints.online import room as rooms


def read(
    uow: db.UnitOfWork,
    caller: access.Caller,
    runner: ports.ServiceRunner,
    preparations: preparing.Preparations,
    workspace: str,
    endpoint: str,
    name: str,
    *,
    lines: int = 5000,
) -> str:
    """The newest lines of every instance, each below a heading that names it. Raises NotFound."""
    access.require(caller, "endpoints/read", rooms.resource(workspace, endpoint))
    row = rows.deployment(uow, workspace, endpoint, name)
    known = store.get_revisions(uow, [item for item in (row.wanted, row.serving) if item])
    sets = list(dict.fromkeys(item.replicas for item in known))
    parts = [_build_log(preparations, set_id, lines) for set_id in sets]
    slots = [
        slot for slot in map(facts.Slot.parse, runner.list()) if slot is not None and slot.replicas in sets
    ]
    parts += [_instance_log(runner, slot, lines) for slot in sorted(slots)]
    failed = row.last_lines if not slots else []
    return "\n".join([*(part for part in parts if part), *failed])


def _build_log(preparations: preparing.Preparations, set_id: str, lines: int) -> str:
    said = preparations.said(set_id)[-lines:]
    return "\n".join([f"=== environment of revision {set_id} ===", *said, ""]) if said else ""


def _instance_log(runner: ports.ServiceRunner, slot: facts.Slot, lines: int) -> str:
    try:
        text = runner.logs(slot.service_id, lines=lines)
    except errors.NotFound:
        return ""
    return f"=== instance {slot.instance}, worker {slot.worker}, revision {slot.replicas} ===\n{text}"
