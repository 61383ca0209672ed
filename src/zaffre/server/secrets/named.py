"""Named secrets of a workspace: set, listed and deleted by people, opened by the server alone when a process needs one.

No function that a face calls gives a value back. Who uses a secret is told by rooms above, in the same transaction.
"""

import re
from collections.abc import Iterable
from typing import Any

from zaffre.contracts import events as catalogue
from zaffre.core import clock, errors
from zaffre.server import access, db, events
from zaffre.server.access import workspaces
from zaffre.server.secrets import box as boxes
from zaffre.server.secrets import store

LARGEST = 32 << 10
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}")


def put(
    uow: db.UnitOfWork,
    caller: access.Caller,
    box: boxes.Box,
    workspace: str,
    name: str,
    *,
    value: str,
    description: str = "",
) -> dict[str, Any]:
    """Set a secret, new or again; returns what may be known of it. Raises Invalid (name, empty or large value)."""
    access.require(caller, "secrets/write", _resource(workspace, name))
    workspaces.exists(uow, workspace)
    _check(name, value)
    now = clock.now()
    values = {
        "sealed": box.seal(value),
        "description": description,
        "modified_at": now,
        "modified_by": caller.name,
    }
    row = store.get_secret(uow, workspace, name, lock=True)
    revision = row.revision + 1 if row else 1
    if row is None:
        made = {"created_at": now, "created_by": caller.name, "revision": revision, **values}
        store.insert_secret(uow, {"workspace": workspace, "name": name, **made})
    else:
        store.update_secret(uow, workspace, name, {**values, "revision": revision})
    event = catalogue.SecretStored(name=name, revision=revision)
    events.append(uow, caller, event, workspace=workspace, subject=f"secrets/{name}")
    return _shape(uow, _found(uow, workspace, name))


def get(uow: db.UnitOfWork, caller: access.Caller, workspace: str, name: str) -> dict[str, Any]:
    """What may be known of one: never its value. Raises NotFound."""
    access.require(caller, "secrets/read", _resource(workspace, name))
    return _shape(uow, _found(uow, workspace, name))


def list_all(uow: db.UnitOfWork, caller: access.Caller, workspace: str) -> list[dict[str, Any]]:
    """Every secret of the workspace, without values."""
    access.require(caller, "secrets/read", f"workspaces/{workspace}/secrets")
    workspaces.exists(uow, workspace)
    return [_shape(uow, row) for row in store.list_secrets(uow, workspace)]


def delete(uow: db.UnitOfWork, caller: access.Caller, workspace: str, name: str) -> None:
    """Forget a secret. Raises InUse, naming the deployments that start with it."""
    access.require(caller, "secrets/write", _resource(workspace, name))
    _found(uow, workspace, name, lock=True)
    users = store.users_of_secret(uow, workspace, name)
    if users:
        raise errors.InUse(
            f"secrets/{name} is used by {', '.join(users[:5])}.",
            hint="Delete these deployments, or change their environment variables first.",
            users=users[:100],
        )
    store.delete_secret(uow, workspace, name)
    event = catalogue.SecretDeleted(name=name)
    events.append(uow, caller, event, workspace=workspace, subject=f"secrets/{name}")


def require_use(uow: db.UnitOfWork, caller: access.Caller, workspace: str, names: Iterable[str]) -> None:
    """Raise Denied or NotFound unless the caller may hand these secrets to a process."""
    for name in sorted(set(names)):
        access.require(caller, "secrets/use", _resource(workspace, name))
        _found(uow, workspace, name)


def use_only(uow: db.UnitOfWork, workspace: str, user: str, names: Iterable[str]) -> None:
    """From here on `user` uses these secrets and no others. Raises NotFound."""
    store.drop_secret_uses(uow, workspace, user)
    for name in sorted(set(names)):
        _found(uow, workspace, name, lock=True)
        store.add_secret_use(uow, workspace, name, user)


def reveal(uow: db.UnitOfWork, box: boxes.Box, workspace: str, names: Iterable[str]) -> dict[str, str]:
    """The values, by name, for a process that is about to start. No face calls this. Raises NotFound."""
    return {name: box.open(_found(uow, workspace, name).sealed) for name in sorted(set(names))}


def occupants(uow: db.UnitOfWork, workspace: str) -> list[str]:
    """What keeps a workspace from being deleted; `access.workspaces.Occupants`."""
    return [f"secrets/{row.name}" for row in store.list_secrets(uow, workspace)]


def _check(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise errors.Invalid(
            f"{name[:200]!r} is not a name of a secret.",
            hint="It has 1 to 127 letters, digits, dots, dashes or underscores, and begins with a letter or a digit.",
        )
    if not value:
        raise errors.Invalid(
            f"secrets/{name}: the value is empty.", hint="Give one; `delete` removes a secret."
        )
    if len(value.encode()) > LARGEST:
        raise errors.TooLarge(f"secrets/{name}: the value is larger than {LARGEST} bytes.")
    if "\0" in value:
        raise errors.Invalid(
            f"secrets/{name}: the value holds the character NUL, which no variable can hold."
        )


def _found(uow: db.UnitOfWork, workspace: str, name: str, *, lock: bool = False) -> Any:
    row = store.get_secret(uow, workspace, name, lock=lock)
    if row is None:
        raise errors.NotFound(
            f"There is no secret {name} in workspace {workspace}.",
            hint=f"Set it: `zaffre secret set --name {name} --file -`.",
        )
    return row


def _shape(uow: db.UnitOfWork, row: Any) -> dict[str, Any]:
    return {
        "id": f"secrets/{row.name}",
        "name": row.name,
        "revision": row.revision,
        "description": row.description,
        "used_by": store.users_of_secret(uow, row.workspace, row.name),
        "created_at": clock.isoformat(row.created_at),
        "created_by": row.created_by,
        "modified_at": clock.isoformat(row.modified_at),
        "modified_by": row.modified_by,
    }


def _resource(workspace: str, name: str) -> str:
    return f"workspaces/{workspace}/secrets/{name}"
