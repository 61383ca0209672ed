"""Routes of workspaces."""

from typing import Any

import fastapi

from zaffre.contracts import workspace as contract
from zaffre.server.access import workspaces
from zaffre.server.api import auth, context

router = fastapi.APIRouter(tags=["workspaces"])


@router.post("/workspaces", status_code=201)
def create(body: context.Body, caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """Make a workspace."""
    wanted = contract.Workspace.from_body(body)
    with parts.database.write() as uow:
        return workspaces.create(uow, caller, wanted).to_dict()


@router.put("/workspaces/{workspace}")
def update(workspace: str, body: context.Body, caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """Replace what a workspace says of itself."""
    wanted = contract.Workspace.from_body({**body, "name": workspace})
    with parts.database.write() as uow:
        return workspaces.update(uow, caller, wanted).to_dict()


@router.get("/workspaces")
def list_visible(
    caller: auth.CallerDep,
    parts: context.Deps,
    resource_group: str | None = None,
    subscription: str | None = None,
) -> dict[str, Any]:
    """The workspaces that the caller may see."""
    with parts.database.read() as uow:
        found = workspaces.list_visible(uow, caller, resource_group=resource_group, subscription=subscription)
    return {"items": [item.to_dict() for item in found], "next": None}


@router.get("/workspaces/{workspace}")
def show(
    workspace: str,
    caller: auth.CallerDep,
    parts: context.Deps,
    resource_group: str | None = None,
    subscription: str | None = None,
) -> dict[str, Any]:
    """One workspace."""
    with parts.database.read() as uow:
        found = workspaces.get(
            uow, caller, workspace, resource_group=resource_group, subscription=subscription
        )
    return found.to_dict()


@router.delete("/workspaces/{workspace}", status_code=204)
def delete(workspace: str, caller: auth.CallerDep, parts: context.Deps) -> None:
    """Remove an empty workspace."""
    with parts.database.write() as uow:
        workspaces.delete(uow, caller, workspace, parts.occupants)
