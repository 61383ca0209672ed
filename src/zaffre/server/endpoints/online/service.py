"""Use cases of endpoints: make, change, show, list and delete them. Deployments have `deployments`, keys have `keys`.

What is asked for is written here; `reconcile` makes it so and ends the operation that the caller polls.
"""

from typing import Any

from zaffre.contracts import events as catalogue
from zaffre.contracts import online_endpoint as contract
from zaffre.core import clock, errors
from zaffre.server import access, db, events, operations
from zaffre.server.access import workspaces
from zaffre.server.endpoints.online import credentials, keys, rows, store, traffic
from zaffre.server.endpoints.online import room as rooms

Operation = dict[str, Any]


def put(
    uow: db.UnitOfWork,
    caller: access.Caller,
    room: rooms.Room,
    workspace: str,
    endpoint: contract.OnlineEndpoint,
    *,
    if_match: str | None = None,
) -> tuple[contract.OnlineEndpoint, Operation]:
    """Make the endpoint, or change it when it exists; the operation ends when the router does what was asked.

    Raises Invalid, Unsupported (no issuer is trusted), Conflict (somebody else is changing it).
    """
    name = endpoint.name or ""
    access.require(caller, "endpoints/write", rooms.resource(workspace, name))
    workspaces.exists(uow, workspace)
    credentials.check(room, endpoint)
    row = store.get_endpoint(uow, (workspace, name), lock=True)
    if row is None:
        operation = _create(uow, caller, room, workspace, endpoint)
    else:
        rooms.check_etag(row, if_match, f"endpoints/{name}")
        rooms.check_free(uow, row, f"endpoints/{name}")
        operation = _change(uow, caller, row, endpoint)
    uow.touch(rooms.TOPIC)
    return _shape(uow, room, rows.endpoint(uow, workspace, name)), operation


def get(
    uow: db.UnitOfWork, caller: access.Caller, room: rooms.Room, workspace: str, name: str
) -> tuple[contract.OnlineEndpoint, str]:
    """One endpoint and its etag. Raises NotFound."""
    access.require(caller, "endpoints/read", rooms.resource(workspace, name))
    row = rows.endpoint(uow, workspace, name)
    return _shape(uow, room, row), row.etag


def list_all(
    uow: db.UnitOfWork, caller: access.Caller, room: rooms.Room, workspace: str
) -> list[contract.OnlineEndpoint]:
    """Every endpoint of the workspace."""
    access.require(caller, "endpoints/read", f"workspaces/{workspace}/endpoints")
    workspaces.exists(uow, workspace)
    return [_shape(uow, room, row) for row in store.list_endpoints(uow, workspace)]


def delete(uow: db.UnitOfWork, caller: access.Caller, workspace: str, name: str) -> Operation:
    """Delete the endpoint and its deployments, each after its last request. Asking again finds the same operation."""
    access.require(caller, "endpoints/delete", rooms.resource(workspace, name))
    row = rows.endpoint(uow, workspace, name, lock=True)
    if row.state == "Deleting":
        return _operation(uow, row)
    _give_up(uow, row, f"endpoints/{name} was deleted meanwhile.")
    operation = operations.start(
        uow, caller, kind="endpoints.delete", workspace=workspace, subject=f"endpoints/{name}"
    )
    gone = {
        "state": "Deleting",
        "etag": rooms.new_etag(),
        "modified_at": clock.now(),
        "modified_by": caller.name,
    }
    store.update_endpoint(uow, (workspace, name), {**gone, "operation": operation["id"]})
    for item in store.list_deployments(uow, (workspace, name)):
        if item.state != "Deleting":
            _give_up(uow, item, f"endpoints/{name} was deleted meanwhile.")
            store.update_deployment(uow, (workspace, name, item.name), {**gone, "operation": None})
    uow.touch(rooms.TOPIC)
    return operation


def occupants(uow: db.UnitOfWork, workspace: str) -> list[str]:
    """What keeps a workspace from being deleted; `access.workspaces.Occupants`."""
    return [f"endpoints/{row.name}" for row in store.list_endpoints(uow, workspace)]


def any_exist(uow: db.UnitOfWork, caller: access.Caller) -> bool:
    """Whether there is any endpoint, in whatever workspace."""
    access.require(caller, "endpoints/read", "server")
    return bool(store.list_endpoints(uow))


def _shape(uow: db.UnitOfWork, room: rooms.Room, row: Any) -> contract.OnlineEndpoint:
    return rows.endpoint_entity(room, row, store.list_deployments(uow, (row.workspace, row.name)))


def _create(
    uow: db.UnitOfWork,
    caller: access.Caller,
    room: rooms.Room,
    workspace: str,
    endpoint: contract.OnlineEndpoint,
) -> Operation:
    name = endpoint.name or ""
    traffic.check_new(name, endpoint.traffic, endpoint.mirror_traffic)
    operation = operations.start(
        uow, caller, kind="endpoints.create", workspace=workspace, subject=f"endpoints/{name}"
    )
    now = clock.now()
    row = {
        "workspace": workspace,
        "name": name,
        "etag": rooms.new_etag(),
        "body": endpoint.to_wire(),
        "running": {},
        "sealed_keys": keys.new(room.box),
        "state": "Creating",
        "reason": "",
        "operation": operation["id"],
        "created_at": now,
        "created_by": caller.name,
        "modified_at": now,
        "modified_by": caller.name,
    }
    if not store.insert_endpoint(uow, row):
        raise errors.Conflict(
            f"Somebody else makes endpoints/{name} right now.", hint="Look at theirs, then try again."
        )
    event = catalogue.EndpointCreated(endpoint=name)
    events.append(uow, caller, event, workspace=workspace, subject=f"endpoints/{name}")
    return operation


def _change(
    uow: db.UnitOfWork, caller: access.Caller, row: Any, endpoint: contract.OnlineEndpoint
) -> Operation:
    present = row.body
    serving = {
        item.name: item.serving is not None for item in store.list_deployments(uow, (row.workspace, row.name))
    }
    shares = {
        "traffic": traffic.merged(present.get("traffic", {}), endpoint.traffic),
        "mirror_traffic": traffic.merged(present.get("mirror_traffic", {}), endpoint.mirror_traffic),
    }
    traffic.check(row.name, shares["traffic"], shares["mirror_traffic"], serving=serving)
    known = {
        kind: {name: share for name, share in found.items() if name in serving}
        for kind, found in shares.items()
    }
    return _record_change(uow, caller, row, {**endpoint.to_wire(), **known})


def _record_change(uow: db.UnitOfWork, caller: access.Caller, row: Any, body: dict[str, Any]) -> Operation:
    """Write a changed body with its events, and open the operation that the reconciler ends, unless one is open."""
    subject = f"endpoints/{row.name}"
    operation = (operations.get(uow, row.operation) if row.operation else None) or operations.start(
        uow, caller, kind="endpoints.update", workspace=row.workspace, subject=subject
    )
    values = {
        "body": body,
        "etag": rooms.new_etag(),
        "state": "Updating",
        "operation": operation["id"],
        "modified_at": clock.now(),
        "modified_by": caller.name,
    }
    store.update_endpoint(uow, (row.workspace, row.name), values)
    shares = ("traffic", "mirror_traffic")
    if any(body.get(kind, {}) != row.body.get(kind, {}) for kind in shares):
        changed = catalogue.TrafficChanged(
            endpoint=row.name,
            traffic=body.get("traffic", {}),
            mirror_traffic=body.get("mirror_traffic", {}),
            previous=row.body.get("traffic", {}),
        )
        events.append(uow, caller, changed, workspace=row.workspace, subject=subject)
    if _without(body, shares) != _without(row.body, shares):
        event = catalogue.EndpointUpdated(endpoint=row.name)
        events.append(uow, caller, event, workspace=row.workspace, subject=subject)
    return operation


def set_all_traffic(uow: db.UnitOfWork, caller: access.Caller, row: Any, deployment: str) -> None:
    """Give one deployment all traffic, as asked for when it was made. Called by the reconciler once it serves."""
    names = [item.name for item in store.list_deployments(uow, (row.workspace, row.name))]
    mirror = {name: share for name, share in row.body.get("mirror_traffic", {}).items() if name != deployment}
    body = {**row.body, "traffic": traffic.with_all(names, deployment), "mirror_traffic": mirror}
    _record_change(uow, caller, row, body)


def _without(body: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key not in names}


def _operation(uow: db.UnitOfWork, row: Any) -> Operation:
    found = operations.get(uow, row.operation) if row.operation else None
    if found is None:
        raise errors.Conflict(
            f"{row.name} is being deleted together with its endpoint.", hint="Wait until it is gone."
        )
    return found


def _give_up(uow: db.UnitOfWork, row: Any, why: str) -> None:
    """End the operation in progress on a row, if there is one."""
    if row.operation:
        operations.end(uow, row.operation, error=errors.Conflict(why))
