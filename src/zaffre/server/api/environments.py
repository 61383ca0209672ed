"""Routes of environments."""

from collections.abc import Sequence
from typing import Annotated, Any

import fastapi
import pydantic
from fastapi import responses

from zaffre.core import errors, names
from zaffre.server.api import auth, context, versions
from zaffre.server.environments import curated, pruning
from zaffre.server.registry.environments import service
from zaffre.server.registry.versioning import referring

_GRACE_S = 3600.0


def _curated(parts: context.Context, name: str, version: str) -> dict[str, Any] | None:
    """What stands for a curated name. It means the same in every version."""
    if not curated.is_curated(name):
        return None
    found = parts.online.room.curated.definition(name)
    shown = _shown(name, found.source or name, found.pip, found.python)
    return shown if version.startswith("@") else {**shown, "version": version}


def _shown(name: str, what: str, requirements: Sequence[str], python: str | None) -> dict[str, Any]:
    return {
        "name": name,
        "description": f"Curated: this is what Zaffre installs for {what}.",
        "zaffre": {"requirements": list(requirements), **({"python": python} if python else {})},
    }


face = versions.Face(service.NOUN, service.register, service.document, unregistered=_curated)
router = face.router()


class CloneBody(pydantic.BaseModel):
    """Where a clone comes from (`azureml:OLD:1`), and its version when that is not simply the next."""

    model_config = pydantic.ConfigDict(extra="forbid")

    source: str
    version: str | None = None


@router.post("/workspaces/{workspace}/environments/{name}/clone", status_code=201)
def clone(
    workspace: str, name: str, body: CloneBody, caller: auth.CallerDep, parts: context.Deps
) -> responses.JSONResponse:
    """Register a new environment with the definition and the lock of another."""
    with parts.database.write() as uow:
        source = referring.named(uow, caller, workspace, body.source, kind="environments")
        made = service.clone(
            uow, caller, workspace, source, name=names.check_asset_name(name), version=body.version
        )
    return face.answer(made, status=201)


@router.post("/environments/collection")
def collect(
    caller: auth.CallerDep,
    parts: context.Deps,
    dry_run: bool = True,
    grace_s: Annotated[float, fastapi.Query(ge=0, le=1e9)] = _GRACE_S,
) -> pruning.Report:
    """Remove built environments and overlays that nothing needs; a dry run (the default) only lists them."""
    return parts.online.pruner.prune(caller, grace_s=grace_s, dry_run=dry_run)


@router.get("/registries/azureml/environments")
def list_curated(caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """The curated environments: names of Azure Machine Learning's that Zaffre has something for, and those of the server's own table."""
    items = [
        _shown(entry.name, ", ".join(entry.names), entry.requirements, entry.python)
        for entry in parts.online.room.curated.listed()
    ]
    return {"items": items, "next": None}


@router.get("/registries/azureml/environments/{name}")
def show_curated(name: str, caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """What stands for one curated name."""
    found = parts.online.room.curated.definition(name)
    return _shown(name, found.source or name, found.pip, found.python)


@router.get("/workspaces/{workspace}/environments/{name}/versions/{version}/lock")
def lock(
    workspace: str, name: str, version: str, caller: auth.CallerDep, parts: context.Deps
) -> responses.Response:
    """The lock that every build of this version uses."""
    with parts.database.read() as uow:
        text = service.lock_of(uow, caller, workspace, name, version)
    if text is None:
        raise errors.NotFound(
            f"Environment {name}:{version} has no lock yet.", hint="It is made when it is first built."
        )
    return responses.Response(text, media_type="application/json")
