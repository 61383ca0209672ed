"""Rows of the tables, found or missed in words, and as the entities that the world sees."""

from collections.abc import Sequence
from typing import Any

from zaffre.contracts import online_deployment as deployment_contract
from zaffre.contracts import online_endpoint as endpoint_contract
from zaffre.contracts import wire
from zaffre.core import errors
from zaffre.server import db
from zaffre.server.endpoints.online import room as rooms
from zaffre.server.endpoints.online import settings, states, store


def endpoint(uow: db.UnitOfWork, workspace: str, name: str, *, lock: bool = False) -> Any:
    """The row of an endpoint. Raises NotFound."""
    row = store.get_endpoint(uow, (workspace, name), lock=lock)
    if row is None:
        raise errors.NotFound(
            f"There is no endpoint {name} in workspace {workspace}.",
            hint="`zaffre online-endpoint list` shows them all.",
        )
    return row


def deployment(
    uow: db.UnitOfWork, workspace: str, endpoint_name: str, name: str, *, lock: bool = False
) -> Any:
    """The row of a deployment. Raises NotFound, also when there is no such endpoint."""
    endpoint(uow, workspace, endpoint_name)
    row = store.get_deployment(uow, (workspace, endpoint_name, name), lock=lock)
    if row is None:
        others = [item.name for item in store.list_deployments(uow, (workspace, endpoint_name))]
        raise errors.NotFound(
            f"endpoints/{endpoint_name} has no deployment {name}.",
            hint=f"It has {', '.join(others) or 'none'}.",
        )
    return row


def endpoint_entity(
    room: rooms.Room, row: Any, deployments: Sequence[Any]
) -> endpoint_contract.OnlineEndpoint:
    """An endpoint as the world sees it."""
    entity: endpoint_contract.OnlineEndpoint = wire.from_answer("online-endpoint", row.body)
    address = room.address(row.workspace, row.name)
    service = states.endpoint(
        row.state, entity.traffic, {item.name: item.service_state for item in deployments}
    )
    entity.status = endpoint_contract.EndpointStatus(
        id=f"endpoints/{row.name}",
        scoring_uri=f"{address}/score",
        openapi_uri=f"{address}/swagger.json",
        provisioning_state=row.state,
        service_state=service,
        running_traffic=row.running.get("traffic", {}),
        running_mirror_traffic=row.running.get("mirror_traffic", {}),
        deployments=[item.name for item in deployments],
        reason=row.reason or None,
        **_stamps(row),
    )
    return entity


def deployment_entity(endpoint_row: Any, row: Any, revision: Any) -> deployment_contract.OnlineDeployment:
    """A deployment as the world sees it; `revision` is the row of the wanted one."""
    entity: deployment_contract.OnlineDeployment = wire.from_answer("online-deployment", row.body)
    resolved = revision.resolved
    entity.status = deployment_contract.DeploymentStatus(
        id=f"endpoints/{row.endpoint}/deployments/{row.name}",
        provisioning_state=row.state,
        service_state=row.service_state,
        revision=row.wanted,
        reason=row.reason or None,
        last_log_lines=row.last_lines,
        instances_ready=row.instances_ready,
        instances_total=row.scale.get("count", revision.instances),
        scale_reason=_scaled(row.scale),
        scaled_at=row.scale.get("at") if row.scale.get("why") else None,
        isolation_note=row.notes.get("isolation"),
        limits_note=row.notes.get("limits"),
        model_ids=[f"{model['name']}:{model['version']}" for model in resolved.get("models", ())],
        environment_id=resolved["environment"]["id"],
        environment_note=revision.environment_note,
        machine_note=revision.machine_note,
        collection_note=settings.collection_note(entity),
        environment_lock_digest=revision.lock_digest,
        code_digest=(resolved.get("code") or {}).get("digest"),
        traffic=endpoint_row.body.get("traffic", {}).get(row.name, 0),
        mirror_traffic=endpoint_row.body.get("mirror_traffic", {}).get(row.name, 0),
        **_stamps(row),
    )
    return entity


def _scaled(scale: dict[str, Any]) -> str | None:
    """The last change that the server made to the number of instances, in one line."""
    if not scale.get("why"):
        return None
    return f"from {scale['previous']} to {scale['count']}: {scale['why']}"


def _stamps(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in ("created_at", "created_by", "modified_at", "modified_by")}
