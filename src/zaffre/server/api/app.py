"""The REST face: every router behind one door that asks who is there."""

import functools
from collections.abc import Sequence
from typing import Any

import fastapi
from fastapi import responses

from zaffre.server.api import auth, context, description, direct, gate, metering, problems, prometheus

PREFIX = "/api/v1"


def build(parts: context.Context, routers: Sequence[fastapi.APIRouter], *, version: str) -> fastapi.FastAPI:
    """The application over the parts. Only `/healthz`, and `/openapi.json` with its pages, answer without a token."""
    app = fastapi.FastAPI(
        title="Zaffre",
        version=version,
        description="The whole life of a machine-learning model on your own machines.",
        docs_url=None,
        redoc_url=None,
        default_response_class=responses.JSONResponse,
        # Traces and metrics of requests are `metering`'s; the framework would ask for its own at each.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.context = parts
    problems.install(app)
    # What is added last is asked first.
    app.add_middleware(direct.Direct, parts=parts, routers=routers, prefix=PREFIX)
    app.add_middleware(gate.Gate, is_known=auth.is_known)
    app.add_middleware(metering.Metering)
    app.add_api_route(
        "/healthz", _healthy, methods=["GET"], tags=["server"], summary="Whether the server answers"
    )
    app.include_router(prometheus.router, dependencies=[fastapi.Depends(auth.caller)])
    for router in routers:
        app.include_router(router, prefix=PREFIX, dependencies=[fastapi.Depends(auth.caller)])
    _describe(app)
    return app


def _describe(app: fastapi.FastAPI) -> None:
    """Completes `/openapi.json` when somebody first asks for it."""
    plain = app.openapi

    @functools.cache
    def whole() -> dict[str, Any]:
        return description.complete(plain())

    app.openapi = whole  # type: ignore[method-assign]


def _healthy() -> dict[str, str]:
    return {"status": "ok"}
