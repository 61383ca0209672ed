"""Workspaces: the walls between teams. Each carries resource group and subscription as its creator gave them."""

from collections.abc import Callable, Sequence
from typing import Any

from zaffre.contracts import events as catalogue
from zaffre.contracts import workspace as contract
from zaffre.core import clock, errors
from zaffre.server import db, events
from zaffre.server.access import callers, store

DEFAULT = "default"
Occupants = Callable[[db.UnitOfWork, str], list[str]]
"""Given a workspace, names some of what is still in it; rooms above hand theirs in."""


def create(uow: db.UnitOfWork, caller: callers.Caller, wanted: contract.Workspace) -> contract.Workspace:
    """Make a workspace. Raises AlreadyExists."""
    callers.require(caller, "workspaces/create", "server")
    name = _named(wanted)
    if store.get_workspace(uow, name):
        raise errors.AlreadyExists(
            f"Workspace {name} exists already.", hint="Update it, or choose another name."
        )
    now = clock.now()
    row = {"name": name, "created_at": now, "created_by": caller.name, "modified_at": now, **_columns(wanted)}
    store.insert_workspace(uow, row)
    event = catalogue.WorkspaceCreated(name=name)
    events.append(uow, caller, event, workspace=name, subject=f"workspaces/{name}")
    return _shape(row)


def update(uow: db.UnitOfWork, caller: callers.Caller, wanted: contract.Workspace) -> contract.Workspace:
    """Replace what a workspace says of itself; its name, group and subscription stay."""
    name = _named(wanted)
    callers.require(caller, "workspaces/write", f"workspaces/{name}")
    row = _found(uow, name)
    for field in ("resource_group", "subscription"):
        given = getattr(wanted, field)
        if given is not None and given.lower() != getattr(row, field).lower():
            raise errors.Invalid(
                f"Workspace {name} has {field} {getattr(row, field)!r}; it cannot become {given!r}.",
                hint="Make another workspace instead.",
            )
        setattr(wanted, field, getattr(row, field))
    store.update_workspace(uow, name, {**_columns(wanted), "modified_at": clock.now()})
    event = catalogue.WorkspaceUpdated(name=name)
    events.append(uow, caller, event, workspace=name, subject=f"workspaces/{name}")
    return _shape(_found(uow, name)._mapping)


def get(
    uow: db.UnitOfWork,
    caller: callers.Caller,
    name: str,
    *,
    resource_group: str | None = None,
    subscription: str | None = None,
) -> contract.Workspace:
    """One workspace; when a group or subscription is named it must be this workspace's. Raises NotFound."""
    callers.require(caller, "workspaces/read", f"workspaces/{name}")
    row = _found(uow, name)
    for field, given in (("resource_group", resource_group), ("subscription", subscription)):
        if given is not None and not _is_in(getattr(row, field), given):
            words = field.replace("_", " ")
            raise errors.NotFound(
                f"There is no workspace {name} in {words} {given!r}.",
                hint=f"Its {words} is {getattr(row, field)!r}.",
            )
    return _shape(row._mapping)


def list_visible(
    uow: db.UnitOfWork,
    caller: callers.Caller,
    *,
    resource_group: str | None = None,
    subscription: str | None = None,
) -> list[contract.Workspace]:
    """The workspaces that the caller may see; when a group or subscription is named, those that `get` finds in it."""
    return [
        _shape(row._mapping)
        for row in store.list_workspaces(uow)
        if callers.allowed(caller, "workspaces/read", f"workspaces/{row.name}")
        and (resource_group is None or _is_in(row.resource_group, resource_group))
        and (subscription is None or _is_in(row.subscription, subscription))
    ]


def delete(uow: db.UnitOfWork, caller: callers.Caller, name: str, occupants: Sequence[Occupants]) -> None:
    """Remove an empty workspace. Raises InUse naming what is in it; the default workspace stays."""
    callers.require(caller, "workspaces/delete", "server")
    _found(uow, name)
    if name == DEFAULT:
        raise errors.Invalid(
            "The workspace 'default' cannot be deleted.", hint="Delete what is in it instead."
        )
    inside = [thing for look in occupants for thing in look(uow, name)]
    if inside:
        shown = ", ".join(inside[:5]) + (", ..." if len(inside) > 5 else "")
        raise errors.InUse(
            f"Workspace {name} is not empty: {shown}.",
            hint="Delete these first; data and whatever is to be kept can be archived.",
            occupants=inside[:100],
        )
    store.delete_workspace(uow, name)
    event = catalogue.WorkspaceDeleted(name=name)
    events.append(uow, caller, event, workspace=name, subject=f"workspaces/{name}")


def exists(uow: db.UnitOfWork, name: str) -> None:
    """Raise NotFound unless the workspace exists; rooms above call it before they write into it."""
    _found(uow, name)


def _is_in(own: str, named: str) -> bool:
    """Whether a workspace of the group (or subscription) `own` is in the one named; one of none is in each, so that every
    script finds it, whatever group the script names."""
    return not own or own.lower() == named.lower()


def _named(wanted: contract.Workspace) -> str:
    if not wanted.name:
        raise errors.Invalid("A workspace needs a name.", hint="Add `name:` to the file, or give --name.")
    return wanted.name


def _found(uow: db.UnitOfWork, name: str) -> Any:
    row = store.get_workspace(uow, name)
    if row is None:
        raise errors.NotFound(
            f"There is no workspace {name}.", hint="`zaffre workspace list` shows those you may see."
        )
    return row


def _columns(wanted: contract.Workspace) -> dict[str, Any]:
    body = wanted.to_wire()
    return {
        "resource_group": wanted.resource_group or "",
        "subscription": wanted.subscription or "",
        "body": body,
    }


def _shape(row: Any) -> contract.Workspace:
    shaped = contract.Workspace.from_body(row["body"])
    group, subscription = row["resource_group"], row["subscription"]
    shaped.status = contract.WorkspaceStatus(
        id=f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.MachineLearningServices/workspaces/{row['name']}",
        created_at=row["created_at"],
        created_by=row["created_by"],
        modified_at=row["modified_at"],
        provisioning_state="Succeeded",
    )
    return shaped
