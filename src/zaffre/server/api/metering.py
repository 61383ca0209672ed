"""Counts every request of the control plane by route and code, with its time. The outermost layer but none: see `app`.

A route is counted by its template, never by the address that a client sent, so that nobody can make labels without end.
"""

import time

from starlette import types

from zaffre.core import tally

_METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS"})


class Metering:
    """Middleware."""

    def __init__(self, app: types.ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        code = 500
        began = time.perf_counter()

        async def noted(message: types.Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            tally.REQUESTS.add((method, _route(scope), str(code)), time.perf_counter() - began)


def _route(scope: types.Scope) -> str:
    """The template that answered, without the API's prefix; `none` for what met no route."""
    found = scope.get("zaffre.route") or getattr(scope.get("route"), "path", "none")
    return str(found).removeprefix("/api/v1")
