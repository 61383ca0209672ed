"""Use cases of telemetry: what a deployment, or an endpoint with all its deployments, did lately."""

from typing import Any

from zaffre.core import clock
from zaffre.server import access, db
from zaffre.server.endpoints.online import room as rooms
from zaffre.server.endpoints.online import rows
from zaffre.server.endpoints.telemetry import slices, store, summary

HOUR_S = 3600


def of_deployment(
    uow: db.UnitOfWork,
    caller: access.Caller,
    workspace: str,
    endpoint: str,
    name: str,
    *,
    window_s: int = HOUR_S,
) -> dict[str, Any]:
    """Requests, latency percentiles, error rate and use of the machine within the last seconds. Raises NotFound."""
    access.require(caller, "endpoints/read", rooms.resource(workspace, endpoint))
    rows.deployment(uow, workspace, endpoint, name)
    return {
        **_window(window_s),
        **summary.of(_merged(_slices(uow, workspace, endpoint, name, window_s))),
        "alerts": _alerts(uow, workspace, endpoint, name),
    }


def of_endpoint(
    uow: db.UnitOfWork, caller: access.Caller, workspace: str, endpoint: str, *, window_s: int = HOUR_S
) -> dict[str, Any]:
    """The same for an endpoint, and for each of its deployments."""
    access.require(caller, "endpoints/read", rooms.resource(workspace, endpoint))
    rows.endpoint(uow, workspace, endpoint)
    by_name: dict[str, list[Any]] = {}
    for row in _slices(uow, workspace, endpoint, None, window_s):
        by_name.setdefault(row.deployment, []).append(row)
    windows = {name: _merged(found) for name, found in by_name.items()}
    return {
        **_window(window_s),
        **summary.of(slices.together(list(windows.values()))),
        "deployments": {name: summary.of(window) for name, window in windows.items()},
        "alerts": _alerts(uow, workspace, endpoint),
    }


def firing(uow: db.UnitOfWork, workspace: str, endpoint: str, deployment: str | None = None) -> list[str]:
    """The alerts that fire now, a line each, for those who may see the endpoint."""
    return [
        f"{item['deployment'] + ': ' if item['deployment'] and deployment is None else ''}{item['name']} since {item['since']}"
        + ("" if item["value"] is None else f" (measured {item['value']:.4g})")
        for item in _alerts(uow, workspace, endpoint, deployment)
    ]


def _alerts(
    uow: db.UnitOfWork, workspace: str, endpoint: str, deployment: str | None = None
) -> list[dict[str, Any]]:
    """The alerts that fire now, of all deployments or of one with those of its endpoint."""
    return [
        {
            "name": row.name,
            "deployment": row.deployment or None,
            "since": clock.isoformat(row.since),
            "value": row.value,
        }
        for row in store.list_alerts(uow, workspace, endpoint)
        if deployment is None or row.deployment in ("", deployment)
    ]


def _slices(
    uow: db.UnitOfWork, workspace: str, endpoint: str, deployment: str | None, window_s: int
) -> list[Any]:
    after_ms = int(clock.now().timestamp() * 1000) - window_s * 1000
    return store.list_slices(uow, workspace, endpoint, deployment, after_ms=after_ms)


def _merged(found: list[Any]) -> slices.Slice:
    return slices.merged(slices.Slice(row.seconds, row.added, row.peaks) for row in found)


def _window(window_s: int) -> dict[str, Any]:
    return {"window_s": window_s, "at": clock.isoformat(clock.now())}
