"""Routes of telemetry: what endpoints and deployments did lately."""

from typing import Annotated, Any

import fastapi

from zaffre.contracts import conditions
from zaffre.core import errors
from zaffre.server.api import auth, context
from zaffre.server.endpoints.telemetry import service

router = fastapi.APIRouter(tags=["metrics"])
_ENDPOINT = "/workspaces/{workspace}/online-endpoints/{endpoint}"
Window = Annotated[str, fastapi.Query(max_length=40, description="seconds, or '15m', '1h', 'PT1H'")]


@router.get(_ENDPOINT + "/deployments/{deployment}/metrics")
def of_deployment(
    workspace: str,
    endpoint: str,
    deployment: str,
    caller: auth.CallerDep,
    parts: context.Deps,
    window: Window = "1h",
) -> dict[str, Any]:
    """Requests, latency percentiles, error rate and use of the machine within the window that ends now."""
    window_s = _checked(window, parts)
    with parts.database.read() as uow:
        found = service.of_deployment(uow, caller, workspace, endpoint, deployment, window_s=window_s)
    return {**found, "machine": parts.online.machine.figures().document()}


@router.get(_ENDPOINT + "/metrics")
def of_endpoint(
    workspace: str, endpoint: str, caller: auth.CallerDep, parts: context.Deps, window: Window = "1h"
) -> dict[str, Any]:
    """The same for an endpoint as a whole, and for each of its deployments."""
    window_s = _checked(window, parts)
    with parts.database.read() as uow:
        return service.of_endpoint(uow, caller, workspace, endpoint, window_s=window_s)


def _checked(window: str, parts: context.Context) -> int:
    """The seconds that are asked for. Raises Invalid for none, and for more than are kept."""
    found = conditions.seconds(window)
    kept = int(parts.settings.telemetry_retention_s)
    if not 1 <= found <= kept:
        raise errors.Invalid(
            f"The window {window!r} is not within 1 and {kept} seconds.",
            hint="The setting telemetry_retention_s says how long figures are kept.",
        )
    return found
