"""The short way of routes that are one transaction: from the request to the crew and back, without the framework.

A request goes this way when its body and its query are what the route asks for. All others go through FastAPI, which says
what is wrong; both ways ask who is there first, and run the same route.
"""

import dataclasses
import functools
import inspect
import json
import re
import urllib.parse
from collections.abc import Sequence
from typing import Any, get_args, get_origin

import fastapi
import pydantic
from fastapi import params, responses, routing
from starlette import types

from zaffre.server.api import auth, context, crew, gate, transactions


class Direct:
    """Middleware behind the gate, which hands on whole bodies."""

    def __init__(
        self, app: types.ASGIApp, *, parts: context.Context, routers: Sequence[fastapi.APIRouter], prefix: str
    ) -> None:
        self._app = app
        self._parts = parts
        self._crew = crew.Crew(parts.database)
        self._ways: dict[tuple[str, int], list[_Way]] = {}
        for route in (route for router in routers for route in router.routes):
            way = _way(prefix, route) if isinstance(route, routing.APIRoute) else None
            if way is not None and isinstance(route, routing.APIRoute):
                for method in route.methods or ():
                    self._ways.setdefault((method, way.slashes), []).append(way)

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        found = self._find(scope)
        if found is None:
            await self._app(scope, receive, send)
            return
        way, said = found
        scope["zaffre.route"] = way.template
        body = (await receive())["body"]
        request = fastapi.Request(scope)
        caller = await auth.caller(request, self._parts)
        try:
            asked = _asked_for(way, request, body)
        except ValueError:  # of which pydantic's and json's errors are kinds
            await self._app(scope, gate.replay(body, receive), send)
            return
        piece = functools.partial(_run, way.route, caller, self._parts, {**said, **asked})
        work = self._crew.write(scope["path"], piece) if way.writes else self._crew.read(piece)
        await way.response(await work)(scope, receive, send)

    def _find(self, scope: types.Scope) -> "tuple[_Way, dict[str, Any]] | None":
        if scope["type"] == "http":
            path = scope["path"]
            for way in self._ways.get((scope["method"], path.count("/")), ()):
                match = way.address.fullmatch(path)
                if match is not None:
                    return way, match.groupdict()
        return None


def _run(
    route: transactions.Route, caller: Any, parts: context.Context, said: dict[str, Any], uow: Any
) -> Any:
    return route(uow, caller, parts, **said)


@dataclasses.dataclass(frozen=True)
class _Way:
    """One route: how its address looks, and what it asks for."""

    address: re.Pattern[str]
    slashes: int
    route: transactions.Route
    writes: bool
    status: int
    template: str
    body: Any = None
    query: type[pydantic.BaseModel] | None = None

    def response(self, answer: Any) -> responses.Response:
        """What a route answered, as a response."""
        if isinstance(answer, responses.Response):
            return answer
        if answer is None:
            return responses.Response(status_code=self.status)
        return responses.JSONResponse(answer, self.status)


def _way(prefix: str, route: routing.APIRoute) -> _Way | None:
    """The short way of a route; None when the route asks for what only the framework knows."""
    found = transactions.original(route.endpoint)
    if found is None:
        return None
    address, asked = prefix + route.path, {}
    for name, parameter in list(inspect.signature(found[0]).parameters.items())[transactions.GIVEN :]:
        kind = _kind(name, parameter.annotation, route.path)
        if kind is None:
            return None
        asked.update(kind)
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(address))
    status = route.status_code if isinstance(route.status_code, int) else 200
    return _Way(re.compile(pattern), address.count("/"), *found, status, address, **asked)


def _kind(name: str, annotation: Any, path: str) -> dict[str, Any] | None:
    if f"{{{name}}}" in path:
        return {} if annotation is str else None
    if name == "body":
        return {"body": annotation}
    if name == "query" and isinstance(get_args(annotation)[-1], params.Query):
        return {"query": get_args(annotation)[0]}
    return None


def _asked_for(way: "_Way", request: fastapi.Request, body: bytes) -> dict[str, Any]:
    """What the route wants of body and query. Raises ValueError."""
    found: dict[str, Any] = {}
    if way.body is not None:
        found["body"] = _parsed(way.body, request, body)
    if way.query is not None:
        found["query"] = _asked(way.query, request)
    return found


def _parsed(kind: Any, request: fastapi.Request, body: bytes) -> Any:
    """The body as the route wants it. Raises ValueError."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise ValueError("not said to be JSON")
    found = json.loads(body)
    if get_origin(kind) is dict:
        if not isinstance(found, dict):
            raise ValueError("not an object")
        return found
    return kind.model_validate(found)


def _asked(kind: type[pydantic.BaseModel], request: fastapi.Request) -> pydantic.BaseModel:
    """The query as the route wants it. Raises ValueError."""
    found: dict[str, Any] = {}
    for key, value in urllib.parse.parse_qsl(
        request.scope["query_string"].decode("latin-1"), keep_blank_values=True
    ):
        field = kind.model_fields.get(key)
        if field is not None and get_origin(field.annotation) is list:
            found.setdefault(key, []).append(value)
        else:
            found[key] = value
    return kind.model_validate(found)
