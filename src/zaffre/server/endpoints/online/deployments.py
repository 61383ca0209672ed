"""Use cases of deployments: make, change, roll back, show, list, delete. Every accepted change is a revision.

Nothing is started here: a revision is written with what it refers to, and `reconcile` brings it up.
"""

from typing import Any

from zaffre.contracts import online_deployment as contract
from zaffre.contracts import wire
from zaffre.core import clock, errors
from zaffre.server import access, db, events, operations
from zaffre.server.endpoints.online import (
    counting,
    references,
    rows,
    secret_variables,
    settings,
    store,
    traffic,
)
from zaffre.server.endpoints.online import revisions as history
from zaffre.server.endpoints.online import room as rooms

Operation = dict[str, Any]


def put(
    uow: db.UnitOfWork,
    caller: access.Caller,
    room: rooms.Room,
    workspace: str,
    deployment: contract.OnlineDeployment,
    *,
    all_traffic: bool = False,
    if_match: str | None = None,
) -> tuple[contract.OnlineDeployment, Operation]:
    """Make a deployment, or a new revision of it; the operation ends when that serves, or will not.

    Raises Invalid, NotFound (endpoint, model, environment), Unsupported, Conflict (work on it is in progress).
    """
    endpoint, name = deployment.endpoint_name or "", deployment.name or ""
    access.require(caller, "endpoints/write", rooms.resource(workspace, endpoint))
    settings.check(deployment)
    settings.check_debugger(deployment, allowed=room.allow_debugger)
    secret_variables.check(uow, caller, workspace, deployment.to_wire())
    if deployment.instance_type is not None:
        room.instance_types.get(deployment.instance_type)
    row = _prepare(uow, workspace, endpoint, name, if_match=if_match)
    resolved = references.resolve(uow, caller, workspace, deployment, table=room.curated)
    body = references.pinned(deployment, resolved)
    if row is not None and history.says_nothing_new(uow, row, body, resolved):
        operation = operations.start(
            uow, caller, kind="deployments.update", workspace=workspace, subject=settings.subject(deployment)
        )
        operations.end(uow, operation["id"])
    else:
        revision = history.draft(uow, caller, workspace, body, resolved)
        revision["machine_note"] = " ".join(room.warnings()) or None
        operation = _accept(uow, caller, row, revision, all_traffic=all_traffic)
    return _shape(uow, workspace, endpoint, name), operation


def rollback(
    uow: db.UnitOfWork,
    caller: access.Caller,
    workspace: str,
    endpoint: str,
    name: str,
    *,
    revision: str | None = None,
) -> tuple[contract.OnlineDeployment, Operation]:
    """A new revision equal to an old one: the one named, or the last that served before the newest."""
    access.require(caller, "endpoints/write", rooms.resource(workspace, endpoint))
    row = _prepare(uow, workspace, endpoint, name, if_match=None)
    if row is None:
        row = rows.deployment(uow, workspace, endpoint, name)
    old = history.to_return_to(uow, row, revision)
    references.require_present(uow, caller, workspace, old.resolved)
    secret_variables.check(uow, caller, workspace, old.body)
    new = history.draft(uow, caller, workspace, old.body, old.resolved)
    new.update(rolled_back_to=old.id, lock_digest=old.lock_digest, environment_note=old.environment_note)
    operation = _accept(uow, caller, row, new, all_traffic=False)
    return _shape(uow, workspace, endpoint, name), operation


def get(
    uow: db.UnitOfWork, caller: access.Caller, workspace: str, endpoint: str, name: str
) -> tuple[contract.OnlineDeployment, str]:
    """One deployment and its etag. Raises NotFound."""
    access.require(caller, "endpoints/read", rooms.resource(workspace, endpoint))
    row = rows.deployment(uow, workspace, endpoint, name)
    return _shape(uow, workspace, endpoint, name), row.etag


def list_all(
    uow: db.UnitOfWork, caller: access.Caller, workspace: str, endpoint: str
) -> list[contract.OnlineDeployment]:
    """Every deployment of an endpoint, oldest first."""
    access.require(caller, "endpoints/read", rooms.resource(workspace, endpoint))
    rows.endpoint(uow, workspace, endpoint)
    found = store.list_deployments(uow, (workspace, endpoint))
    return [_shape(uow, workspace, endpoint, item.name) for item in found]


def revisions(
    uow: db.UnitOfWork, caller: access.Caller, workspace: str, endpoint: str, name: str
) -> list[dict[str, Any]]:
    """Every accepted change, newest first: what it was, who made it and why, how it went."""
    access.require(caller, "endpoints/read", rooms.resource(workspace, endpoint))
    row = rows.deployment(uow, workspace, endpoint, name)
    found = store.list_revisions(uow, (workspace, endpoint, name))
    return [history.shape(item, serving=item.id == row.serving) for item in found]


def delete(uow: db.UnitOfWork, caller: access.Caller, workspace: str, endpoint: str, name: str) -> Operation:
    """Delete a deployment after its last request. Raises InUse while it has traffic."""
    access.require(caller, "endpoints/delete", rooms.resource(workspace, endpoint))
    above = rows.endpoint(uow, workspace, endpoint, lock=True)
    row = rows.deployment(uow, workspace, endpoint, name, lock=True)
    shares = above.body.get("traffic", {}), above.body.get("mirror_traffic", {})
    traffic.check_unused(endpoint, name, *shares)
    subject = f"endpoints/{endpoint}/deployments/{name}"
    if row.state == "Deleting" and row.operation:
        return operations.get(uow, row.operation) or {}
    if row.operation:
        operations.end(uow, row.operation, error=errors.Conflict(f"{subject} was deleted meanwhile."))
    operation = operations.start(uow, caller, kind="deployments.delete", workspace=workspace, subject=subject)
    values = {"state": "Deleting", "operation": operation["id"], **_stamp(caller)}
    store.update_deployment(uow, (workspace, endpoint, name), values)
    uow.touch(rooms.TOPIC)
    return operation


def _prepare(
    uow: db.UnitOfWork, workspace: str, endpoint: str, name: str, *, if_match: str | None
) -> Any | None:
    """The row of the deployment if it exists, free for a change; the endpoint must be there and stay."""
    above = rows.endpoint(uow, workspace, endpoint, lock=True)
    if above.state == "Deleting":
        raise errors.Conflict(f"endpoints/{endpoint} is being deleted.", hint="Wait until it is gone.")
    row = store.get_deployment(uow, (workspace, endpoint, name), lock=True)
    if row is not None:
        what = f"endpoints/{endpoint}/deployments/{name}"
        rooms.check_etag(row, if_match, what)
        if row.service_state == "Unschedulable" and row.operation:  # it waits for room, perhaps for ever
            operations.end(
                uow, row.operation, error=errors.Conflict(f"{what} was changed before it found room.")
            )
        rooms.check_free(uow, row, what)
    return row


def _accept(
    uow: db.UnitOfWork, caller: access.Caller, row: Any | None, revision: dict[str, Any], *, all_traffic: bool
) -> Operation:
    """Write the revision, what it uses, its event, and open the operation that the reconciler ends."""
    workspace, endpoint, name = revision["workspace"], revision["endpoint"], revision["deployment"]
    subject = f"endpoints/{endpoint}/deployments/{name}"
    kind = "deployments.create" if row is None else "deployments.update"
    state = "Creating" if row is None or row.serving is None else "Updating"
    ready = 0 if row is None else row.instances_ready
    # What people are told before the reconciler has looked.
    message = f"{endpoint}/{name}: {state}, {ready} of {revision['instances']} instances ready"
    operation = operations.start(
        uow, caller, kind=kind, workspace=workspace, subject=subject, message=message
    )
    store.insert_revision(uow, revision)
    values = {
        "body": revision["body"],
        "wanted": revision["id"],
        "operation": operation["id"],
        "all_traffic": all_traffic,
        "reason": "",
        "last_lines": [],
        "scale": counting.first(
            wire.from_answer("online-deployment", revision["body"]), before=row, now=clock.now()
        ),
        **_stamp(caller),
    }
    if row is None:
        _insert(uow, caller, (workspace, endpoint, name), values)
    else:
        store.update_deployment(uow, (workspace, endpoint, name), {**values, "state": state})
    references.hold(uow, revision, serving=row.serving if row is not None else None)
    event = history.accepted(revision, previous=row.wanted if row is not None else None)
    events.append(uow, caller, event, workspace=workspace, subject=subject)
    uow.touch(rooms.TOPIC)
    return operation


def _insert(
    uow: db.UnitOfWork, caller: access.Caller, key: store.DeploymentKey, values: dict[str, Any]
) -> None:
    workspace, endpoint, name = key
    fresh: dict[str, Any] = {
        "notes": {},
        "workspace": workspace,
        "endpoint": endpoint,
        "name": name,
        "serving": None,
        "state": "Creating",
        "service_state": "Transitioning",
        "instances_ready": 0,
        "created_at": values["modified_at"],
        "created_by": caller.name,
    }
    store.insert_deployment(uow, {**fresh, **values})
    above = rows.endpoint(uow, workspace, endpoint)
    shares = {name: 0, **above.body.get("traffic", {})}
    store.update_endpoint(uow, (workspace, endpoint), {"body": {**above.body, "traffic": shares}})


def _shape(uow: db.UnitOfWork, workspace: str, endpoint: str, name: str) -> contract.OnlineDeployment:
    above = rows.endpoint(uow, workspace, endpoint)
    row = rows.deployment(uow, workspace, endpoint, name)
    return rows.deployment_entity(above, row, store.get_revision(uow, row.wanted))


def _stamp(caller: access.Caller) -> dict[str, Any]:
    return {"etag": rooms.new_etag(), "modified_at": clock.now(), "modified_by": caller.name}
