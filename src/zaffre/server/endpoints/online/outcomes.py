"""What the reconciler writes down: a revision took over, or failed; a deployment is gone; a state changed.

Each checks in its own transaction that the row still asks for what was done, because people go on changing it.
"""

from collections.abc import Sequence
from typing import Any

from zaffre.contracts import events as catalogue
from zaffre.core import clock, errors
from zaffre.server import access, db, events, operations
from zaffre.server.endpoints.online import references, service, store
from zaffre.server.endpoints.online import room as rooms

CALLER = access.system("endpoints")


def promoted(
    uow: db.UnitOfWork, key: store.DeploymentKey, revision: str, *, made_from: dict[str, str]
) -> None:
    """The wanted revision serves: the router has taken it."""
    row = store.get_deployment(uow, key, lock=True)
    if row is None or row.wanted != revision or row.state == "Deleting":
        return
    store.update_revision(uow, revision, {"state": "Served", "reason": "", **made_from})
    values = {"serving": revision, "state": "Succeeded", "reason": "", "last_lines": [], "all_traffic": False}
    store.update_deployment(uow, key, {**values, "service_state": "Healthy"})
    references.keep_only(uow, key, [revision])
    if row.all_traffic:
        endpoint = store.get_endpoint(uow, key[:2], lock=True)
        if endpoint is not None and endpoint.state != "Deleting":
            service.set_all_traffic(uow, CALLER, endpoint, row.name)
    lock = made_from.get("lock_digest", "")
    event = catalogue.DeploymentReady(
        endpoint=row.endpoint, deployment=row.name, revision=revision, environment_lock_digest=lock
    )
    events.append(uow, CALLER, event, workspace=row.workspace, subject=_subject(row))
    uow.touch(rooms.TOPIC)


def failed(
    uow: db.UnitOfWork, key: store.DeploymentKey, revision: str, *, reason: str, last_lines: Sequence[str]
) -> None:
    """The wanted revision will not come up; what served before goes on."""
    row = store.get_deployment(uow, key, lock=True)
    if row is None or row.wanted != revision or row.state == "Deleting":
        return
    lines = list(last_lines)
    store.update_revision(uow, revision, {"state": "Failed", "reason": reason, "last_lines": lines})
    service_state = "Healthy" if row.serving else "Failed"  # of a serving one the next look says more
    values = {"state": "Failed", "service_state": service_state, "reason": reason, "last_lines": lines}
    store.update_deployment(uow, key, {**values, "all_traffic": False, "operation": None})
    if row.serving:
        references.keep_only(uow, key, [row.serving])
    event = catalogue.DeploymentFailed(
        endpoint=row.endpoint,
        deployment=row.name,
        revision=revision,
        cause=reason.splitlines()[0] if reason else "",
    )
    events.append(uow, CALLER, event, workspace=row.workspace, subject=_subject(row))
    if row.operation:
        operations.end(uow, row.operation, error=_failure(row, reason, lines))
    uow.touch(rooms.TOPIC)


def forgotten(uow: db.UnitOfWork, key: store.DeploymentKey) -> None:
    """Nothing is left of a deployment that was to be deleted."""
    row = store.get_deployment(uow, key, lock=True)
    if row is None or row.state != "Deleting":
        return
    references.release(uow, key)
    store.delete_deployment(uow, key)
    endpoint = store.get_endpoint(uow, key[:2], lock=True)
    if endpoint is not None:
        store.update_endpoint(uow, key[:2], {"body": _without(endpoint.body, row.name)})
    event = catalogue.DeploymentDeleted(endpoint=row.endpoint, deployment=row.name)
    events.append(uow, CALLER, event, workspace=row.workspace, subject=_subject(row))
    if row.operation:
        operations.end(uow, row.operation, result={"id": _subject(row)})
    uow.touch(rooms.TOPIC)


def settled(uow: db.UnitOfWork, key: store.Key, etag: str) -> None:
    """The router does what the endpoint asked for when its etag was this; operations that waited for it end."""
    row = store.get_endpoint(uow, key, lock=True)
    if row is None or row.etag != etag or row.state == "Deleting":
        return
    running = {kind: row.body.get(kind, {}) for kind in ("traffic", "mirror_traffic")}
    done = {"state": "Succeeded", "reason": "", "operation": None}
    store.update_endpoint(uow, key, {**done, "running": running})
    if row.operation:
        operations.end(uow, row.operation, result={"id": f"endpoints/{row.name}"})
    for item in store.list_deployments(uow, key):
        if item.operation and item.state == "Succeeded" and item.serving == item.wanted:
            operations.end(uow, item.operation, result={"id": _subject(item), "revision": item.serving})
            store.update_deployment(uow, (*key, item.name), {"operation": None})


def blocked(uow: db.UnitOfWork, key: store.Key, etag: str, why: str) -> None:
    """The router does not do yet what the endpoint asks for; whoever looks or waits is told why."""
    row = store.get_endpoint(uow, key, lock=True)
    if row is not None and row.etag == etag:
        store.update_endpoint(uow, key, {"reason": why})
        if row.operation:
            operations.advance(uow, row.operation, progress=0.5, message=why)


def emptied(uow: db.UnitOfWork, key: store.Key) -> None:
    """An endpoint that was to be deleted has no deployment left."""
    row = store.get_endpoint(uow, key, lock=True)
    if row is None or row.state != "Deleting" or store.list_deployments(uow, key):
        return
    store.delete_endpoint(uow, key)
    event = catalogue.EndpointDeleted(endpoint=row.name)
    events.append(uow, CALLER, event, workspace=row.workspace, subject=f"endpoints/{row.name}")
    if row.operation:
        operations.end(uow, row.operation, result={"id": f"endpoints/{row.name}"})
    uow.touch(rooms.TOPIC)


def scaled(
    uow: db.UnitOfWork, key: store.DeploymentKey, seen: Any, *, previous: int, count: int, why: str
) -> bool:
    """The server decided on another number of instances, unless somebody changed the deployment since it was `seen`."""
    row = store.get_deployment(uow, key, lock=True)
    if row is None or (row.serving, row.etag, row.scale) != (seen.serving, seen.etag, seen.scale):
        return False
    scale = {"count": count, "previous": previous, "at": clock.isoformat(clock.now()), "why": why}
    store.update_deployment(uow, key, {"scale": scale})
    event = catalogue.DeploymentScaled(
        endpoint=row.endpoint,
        deployment=row.name,
        revision=row.serving,
        previous=previous,
        count=count,
        why=why,
    )
    events.append(uow, CALLER, event, workspace=row.workspace, subject=_subject(row))
    uow.touch(rooms.TOPIC)
    return True


def observed(uow: db.UnitOfWork, key: store.DeploymentKey, seen: Any, values: dict[str, Any]) -> None:
    """What a deployment is like now, unless its row was changed since it was `seen`."""
    row = store.get_deployment(uow, key, lock=True)
    if row is not None and (row.wanted, row.serving, row.state) == (seen.wanted, seen.serving, seen.state):
        store.update_deployment(uow, key, values)


def _failure(row: Any, reason: str, lines: list[str]) -> errors.ZaffreError:
    command = f"zaffre online-deployment get-logs -e {row.endpoint} -n {row.name}"
    return errors.Invalid(
        f"{_subject(row)} failed. {reason}", hint=f"`{command}` shows the whole log.", last_log_lines=lines
    )


def _subject(row: Any) -> str:
    return f"endpoints/{row.endpoint}/deployments/{row.name}"


def _without(body: dict[str, Any], deployment: str) -> dict[str, Any]:
    shares = {
        kind: {name: share for name, share in body.get(kind, {}).items() if name != deployment}
        for kind in ("traffic", "mirror_traffic")
    }
    return {**body, **shares}
