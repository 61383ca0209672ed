"""Routes of secrets. No answer holds a value."""

from typing import Any

import fastapi
import pydantic

from zaffre.server.api import auth, context
from zaffre.server.secrets import named as service

router = fastapi.APIRouter(tags=["secrets"])
_PLACE = "/workspaces/{workspace}/secrets"


class SecretBody(pydantic.BaseModel):
    """A value, which is never shown again, and words about it."""

    model_config = pydantic.ConfigDict(extra="forbid", hide_input_in_errors=True)

    value: str
    description: str = pydantic.Field(default="", max_length=2000)


@router.put(_PLACE + "/{name}")
def put(
    workspace: str, name: str, body: SecretBody, caller: auth.CallerDep, parts: context.Deps
) -> dict[str, Any]:
    """Set a secret. Processes that run keep the old value until they are started again."""
    box = parts.online.room.box
    with parts.database.write() as uow:
        return service.put(uow, caller, box, workspace, name, value=body.value, description=body.description)


@router.get(_PLACE)
def list_all(workspace: str, caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """Every secret of the workspace, without values."""
    with parts.database.read() as uow:
        return {"items": service.list_all(uow, caller, workspace), "next": None}


@router.get(_PLACE + "/{name}")
def show(workspace: str, name: str, caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """Who set a secret, when, and which deployments use it; not its value."""
    with parts.database.read() as uow:
        return service.get(uow, caller, workspace, name)


@router.delete(_PLACE + "/{name}", status_code=204)
def delete(workspace: str, name: str, caller: auth.CallerDep, parts: context.Deps) -> None:
    """Forget a secret that no deployment uses."""
    with parts.database.write() as uow:
        service.delete(uow, caller, workspace, name)
