"""Routes of online deployments: their revisions and logs, and where a model or an environment is deployed."""

from typing import Annotated, Any

import fastapi
import pydantic
from fastapi import responses

from zaffre.contracts import wire
from zaffre.server.access import polling
from zaffre.server.api import auth, bodies, context
from zaffre.server.endpoints.online import deployments, following, logs, searching
from zaffre.server.endpoints.telemetry import service as telemetry

router = fastapi.APIRouter(tags=["online deployments"])
IfMatch = Annotated[str | None, fastapi.Header()]
Lines = Annotated[int, fastapi.Query(ge=1, le=100_000)]
_PLACE = "/workspaces/{workspace}/online-endpoints/{endpoint}/deployments"


class RollbackBody(pydantic.BaseModel):
    """The revision to go back to; left out, the last one that served before the newest."""

    model_config = pydantic.ConfigDict(extra="forbid")

    revision: str | None = None


class NewsQuery(pydantic.BaseModel):
    """What of a deployment's news is wanted."""

    cursor: str = ""
    instances: bool = True
    from_now: bool = False
    operation: str | None = pydantic.Field(default=None, pattern="^[0-9a-f]{32}$")


@router.put(_PLACE + "/{deployment}", status_code=202)
def put(
    workspace: str,
    endpoint: str,
    deployment: str,
    body: context.Body,
    caller: auth.CallerDep,
    parts: context.Deps,
    all_traffic: bool = False,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """Make a deployment, or a new revision of it; answers with the operation to poll."""
    named = bodies.named(body, name=deployment, endpoint_name=endpoint)
    wanted = wire.from_wire("online-deployment", named)
    with parts.database.write() as uow:
        return deployments.put(
            uow, caller, parts.online.room, workspace, wanted, all_traffic=all_traffic, if_match=if_match
        )[1]


@router.get(_PLACE)
def list_all(workspace: str, endpoint: str, caller: auth.CallerDep, parts: context.Deps) -> dict[str, Any]:
    """Every deployment of an endpoint, oldest first."""
    with parts.database.read() as uow:
        found = deployments.list_all(uow, caller, workspace, endpoint)
    return {"items": [item.to_dict() for item in found], "next": None}


@router.get(_PLACE + "/{deployment}")
def show(
    workspace: str, endpoint: str, deployment: str, caller: auth.CallerDep, parts: context.Deps
) -> responses.JSONResponse:
    """One deployment."""
    with parts.database.read() as uow:
        found, etag = deployments.get(uow, caller, workspace, endpoint, deployment)
        if found.status:
            found.status.firing_alerts = telemetry.firing(uow, workspace, endpoint, deployment)
    return responses.JSONResponse(found.to_dict(), headers={"etag": f'"{etag}"'})


@router.delete(_PLACE + "/{deployment}", status_code=202)
def delete(
    workspace: str, endpoint: str, deployment: str, caller: auth.CallerDep, parts: context.Deps
) -> dict[str, Any]:
    """Delete a deployment that has no traffic, after its last requests."""
    with parts.database.write() as uow:
        return deployments.delete(uow, caller, workspace, endpoint, deployment)


@router.get(_PLACE + "/{deployment}/logs")
def get_logs(
    workspace: str,
    endpoint: str,
    deployment: str,
    caller: auth.CallerDep,
    parts: context.Deps,
    lines: Lines = 5000,
) -> responses.PlainTextResponse:
    """The newest lines of every instance, from the first line of `init()`."""
    with parts.database.read() as uow:
        sources = logs.sources(uow, caller, workspace, endpoint, deployment)
    return responses.PlainTextResponse(
        logs.read(parts.online.runner, parts.online.preparations, sources, lines=lines)
    )


@router.get(_PLACE + "/{deployment}/logs/news")
def get_news(
    workspace: str,
    endpoint: str,
    deployment: str,
    caller: auth.CallerDep,
    parts: context.Deps,
    asked: Annotated[NewsQuery, fastapi.Query()],
) -> dict[str, Any]:
    """Lines that are new since a cursor, of the build and of the instances; `from_now` gives a cursor alone.

    With the id of an `operation` the answer holds that too, as of just before: whoever waits needs one request for both.
    """
    operation = asked.operation
    with parts.database.read() as uow:
        sources = logs.sources(uow, caller, workspace, endpoint, deployment)
        also = {"operation": polling.show(uow, caller, workspace, operation)} if operation else {}
    means = following.Means(parts.online.runner, parts.online.preparations)
    if asked.from_now:
        return following.News([], following.end(means, sources)).to_dict() | also
    return following.news(means, sources, asked.cursor, instances=asked.instances).to_dict() | also


@router.get(_PLACE + "/{deployment}/revisions")
def revisions(
    workspace: str, endpoint: str, deployment: str, caller: auth.CallerDep, parts: context.Deps
) -> dict[str, Any]:
    """Every accepted change, newest first."""
    with parts.database.read() as uow:
        return {"items": deployments.revisions(uow, caller, workspace, endpoint, deployment), "next": None}


@router.post(_PLACE + "/{deployment}/rollback", status_code=202)
def rollback(
    workspace: str,
    endpoint: str,
    deployment: str,
    body: RollbackBody,
    caller: auth.CallerDep,
    parts: context.Deps,
) -> dict[str, Any]:
    """A new revision equal to an old one; answers with the operation to poll."""
    with parts.database.write() as uow:
        return deployments.rollback(uow, caller, workspace, endpoint, deployment, revision=body.revision)[1]


@router.get("/workspaces/{workspace}/deployed")
def deployed(
    workspace: str,
    caller: auth.CallerDep,
    parts: context.Deps,
    model: str | None = None,
    environment: str | None = None,
) -> dict[str, Any]:
    """Where a model (`churn` or `churn:3`) or an environment is deployed, and whether it is healthy there."""
    with parts.database.read() as uow:
        return {
            "items": searching.deployed(uow, caller, workspace, model=model, environment=environment),
            "next": None,
        }
