"""Routes of online endpoints: their traffic, their keys."""

from typing import Annotated, Any

import fastapi
import pydantic
from fastapi import responses

from zaffre.contracts import wire
from zaffre.server.api import auth, bodies, context
from zaffre.server.endpoints.online import credentials as credentials_service
from zaffre.server.endpoints.online import keys, service
from zaffre.server.endpoints.telemetry import service as telemetry

router = fastapi.APIRouter(tags=["online endpoints"])
IfMatch = Annotated[str | None, fastapi.Header()]
_PLACE = "/workspaces/{workspace}/online-endpoints"


class KeyBody(pydantic.BaseModel):
    """Which key is replaced, `primary` or `secondary`, and by which; without a value one is made."""

    model_config = pydantic.ConfigDict(extra="forbid")

    key_type: str = "primary"
    key_value: str | None = None


@router.put(_PLACE + "/{endpoint}", status_code=202)
def put(
    workspace: str,
    endpoint: str,
    body: context.Body,
    caller: auth.CallerDep,
    parts: context.Deps,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """Make an endpoint, or change it; answers with the operation to poll."""
    wanted = wire.from_wire("online-endpoint", bodies.named(body, name=endpoint))
    with parts.database.write() as uow:
        return service.put(uow, caller, parts.online.room, workspace, wanted, if_match=if_match)[1]


@router.get(_PLACE)
def list_all(workspace: str, caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """Every endpoint of the workspace."""
    with parts.database.read() as uow:
        found = service.list_all(uow, caller, parts.online.room, workspace)
    return {"items": [item.to_dict() for item in found], "next": None}


@router.get(_PLACE + "/{endpoint}")
def show(
    workspace: str, endpoint: str, caller: auth.CallerDep, parts: context.Deps
) -> responses.JSONResponse:
    """One endpoint."""
    with parts.database.read() as uow:
        found, etag = service.get(uow, caller, parts.online.room, workspace, endpoint)
        if found.status:
            found.status.firing_alerts = telemetry.firing(uow, workspace, endpoint)
    return responses.JSONResponse(found.to_dict(), headers={"etag": f'"{etag}"'})


@router.delete(_PLACE + "/{endpoint}", status_code=202)
def delete(workspace: str, endpoint: str, caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """Delete an endpoint and its deployments, after their last requests."""
    with parts.database.write() as uow:
        return service.delete(uow, caller, workspace, endpoint)


@router.get(_PLACE + "/{endpoint}/credentials")
def credentials(
    workspace: str, endpoint: str, caller: auth.CallerDep, parts: context.Deps
) -> responses.JSONResponse:
    """Both keys. They are secrets."""
    with parts.database.read() as uow:
        found = keys.show(uow, caller, parts.online.room, workspace, endpoint)
    return responses.JSONResponse(found, headers={"cache-control": "no-store"})


@router.post(_PLACE + "/{endpoint}/token")
def token(
    workspace: str, endpoint: str, caller: auth.CallerDep, parts: context.Deps
) -> responses.JSONResponse:
    """A short-lived token for an endpoint with auth_mode aml_token. It is a secret."""
    with parts.database.read() as uow:
        found = credentials_service.token(uow, caller, parts.online.room, workspace, endpoint)
    return responses.JSONResponse(found, headers={"cache-control": "no-store"})


@router.post(_PLACE + "/{endpoint}/keys", status_code=202)
def regenerate(
    workspace: str, endpoint: str, body: KeyBody, caller: auth.CallerDep, parts: context.Deps
) -> dict[str, Any]:
    """Replace one key; the other goes on working."""
    with parts.database.write() as uow:
        return keys.regenerate(
            uow,
            caller,
            parts.online.room,
            workspace,
            endpoint,
            key_type=body.key_type,
            key_value=body.key_value,
        )
