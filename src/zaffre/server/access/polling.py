"""How callers see operations: the room itself stands below access and asks nobody."""

from typing import Any

from zaffre.core import errors
from zaffre.server import db, operations
from zaffre.server.access import callers


def show(uow: db.UnitOfWork, caller: callers.Caller, workspace: str, operation_id: str) -> dict[str, Any]:
    """One operation of the workspace. Raises NotFound."""
    callers.require(caller, "operations/read", f"workspaces/{workspace}/operations/{operation_id}")
    found = operations.get(uow, operation_id)
    if found is None or found["workspace"] != workspace:
        raise errors.NotFound(f"There is no operation {operation_id} in workspace {workspace}.")
    return found


def cancel(uow: db.UnitOfWork, caller: callers.Caller, workspace: str, operation_id: str) -> dict[str, Any]:
    """Give up an operation that can be. Raises NotFound, Conflict (it has ended), Unsupported (it cannot be)."""
    callers.require(caller, "operations/write", f"workspaces/{workspace}/operations/{operation_id}")
    found = show(uow, caller, workspace, operation_id)
    given_up = operations.cancel(uow, operation_id)
    if given_up is not None:
        return given_up
    if found["state"] != "Running":
        raise errors.Conflict(f"Operation {operation_id} has ended: {found['state']}.")
    raise errors.Unsupported(
        f"Operation {operation_id} ({found['kind']}) cannot be given up.", hint="Wait for its end."
    )
