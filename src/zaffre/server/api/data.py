"""Routes of data assets."""

import fastapi
from fastapi import responses

from zaffre.server.api import auth, context, versions
from zaffre.server.registry.data import service

router = fastapi.APIRouter(tags=["data"])
face = versions.Face(kind="data", shelf=service.shelf, document=service.document)


@router.post("/workspaces/{workspace}/data/{name}/versions", status_code=201)
def create(
    workspace: str, name: str, body: context.Body, caller: auth.CallerDep, parts: context.Deps
) -> responses.JSONResponse:
    """Register a version; without one in the body it gets the next number."""
    data = versions.entity("data", body, name)
    with parts.database.write() as uow:
        version, new = service.register(uow, caller, workspace, data)
    return face.answer(version, status=201 if new else 200)


@router.put("/workspaces/{workspace}/data/{name}/versions/{version}")
def put(
    workspace: str,
    name: str,
    version: str,
    body: context.Body,
    caller: auth.CallerDep,
    parts: context.Deps,
) -> responses.JSONResponse:
    """Register this version, or find that it is there with equal content."""
    data = versions.entity("data", body, name, version)
    with parts.database.write() as uow:
        found, new = service.register(uow, caller, workspace, data)
    return face.answer(found, status=201 if new else 200)


@router.delete("/workspaces/{workspace}/data/{name}")
@router.delete("/workspaces/{workspace}/data/{name}/versions/{version}")
def delete(
    workspace: str, name: str, caller: auth.CallerDep, parts: context.Deps, version: str | None = None
) -> None:
    """Data assets are archived, never deleted: this says so."""
    service.refuse_deletion(name)


versions.share_routes(router, face)
