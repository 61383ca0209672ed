"""Routes of models."""

import fastapi
from fastapi import responses

from zaffre.server.api import auth, context, versions
from zaffre.server.registry.models import service

router = fastapi.APIRouter(tags=["models"])
face = versions.Face(kind="models", shelf=service.shelf, document=service.document)


@router.post("/workspaces/{workspace}/models/{name}/versions", status_code=201)
def create(
    workspace: str, name: str, body: context.Body, caller: auth.CallerDep, parts: context.Deps
) -> responses.JSONResponse:
    """Register a version; without one in the body it gets the next number."""
    model = versions.entity("model", body, name)
    with parts.database.write() as uow:
        version, new = service.register(uow, caller, workspace, model, room=parts.blobs)
    return face.answer(version, status=201 if new else 200)


@router.put("/workspaces/{workspace}/models/{name}/versions/{version}")
def put(
    workspace: str,
    name: str,
    version: str,
    body: context.Body,
    caller: auth.CallerDep,
    parts: context.Deps,
) -> responses.JSONResponse:
    """Register this version, or find that it is there with equal content."""
    model = versions.entity("model", body, name, version)
    with parts.database.write() as uow:
        found, new = service.register(uow, caller, workspace, model, room=parts.blobs)
    return face.answer(found, status=201 if new else 200)


versions.share_routes(router, face)
