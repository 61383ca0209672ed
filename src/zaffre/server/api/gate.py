"""What no request may bring past the door: bodies without end, and text that no database can hold.

Put in front of every route by `app`. FastAPI reads a whole JSON body before it asks who is there, so the limits stand
here; who sends no valid token may send little. Uploads of blobs are streams with limits of their own and pass.
"""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

import fastapi
from fastapi import concurrency
from starlette import requests, types

from zaffre.contracts import manifests
from zaffre.core import errors
from zaffre.server.api import problems

ANONYMOUS_BYTES = 64 << 10
BODY_BYTES = 8 << 20
TREE_BYTES = 32 << 20
DEEPEST = 60
# Python needs hundreds of bytes for a value that JSON writes in two.
MOST_VALUES = 8 * manifests.MAX_FILES
_AT_ONCE = 256 << 10

_STREAMED = re.compile(r"/api/v1/artifacts/(blobs|drafts)/[^/]*")
_TREES = re.compile(r"/api/v1/workspaces/[^/]*/trees")
# An exponent counts where a number begins outside of a text: digests are full of what looks like one.
_SUSPICIOUS = re.compile(
    rb"\\u0000|\\u[dD][89a-fA-F]|\xed[\xa0-\xbf]|[0-9]{16}|NaN|Infinity|(?:^|[\s:,\[])-?[0-9.]+[eE]\+?[0-9]{3}"
)
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]')
_LARGEST = (1 << 63) - 1


class Gate:
    """Middleware. `is_known` says whether a request carries a valid token."""

    def __init__(self, app: types.ASGIApp, *, is_known: Callable[[fastapi.Request], Awaitable[bool]]) -> None:
        self._app = app
        self._is_known = is_known

    async def __call__(self, scope: types.Scope, receive: types.Receive, send: types.Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = fastapi.Request(scope, receive)
        try:
            _check_address(scope)
            passed = receive if _is_stream(scope) else replay(await self._body(request), receive)
            await self._app(scope, passed, send)
        except errors.ZaffreError as error:
            await problems.answer(request, error)(scope, receive, send)
        except requests.ClientDisconnect:
            return  # nobody is left to be told anything

    async def _body(self, request: fastapi.Request) -> bytes:
        """The whole body. Raises TooLarge, Unauthenticated (large, and nobody is named), Invalid."""
        limit = TREE_BYTES if _TREES.fullmatch(request.scope["path"]) else BODY_BYTES
        announced = int(request.headers.get("content-length") or 0)
        pieces: list[bytes] = []
        size, known = 0, False
        if announced:
            known = await self._admit(request, announced, limit, known=known)
        async for piece in request.stream():
            pieces.append(piece)
            size += len(piece)
            known = await self._admit(request, size, limit, known=known)
        body = b"".join(pieces)
        if size <= _AT_ONCE:
            check_body(body)
        else:
            await concurrency.run_in_threadpool(check_body, body)
        return body

    async def _admit(self, request: fastapi.Request, size: int, limit: int, *, known: bool) -> bool:
        if size > limit:
            raise errors.TooLarge(
                f"The body is larger than {limit} bytes.",
                hint="Files go to /artifacts/blobs; everything else is small.",
                limit=limit,
            )
        if size <= ANONYMOUS_BYTES or known:
            return known
        if not await self._is_known(request):
            raise errors.Unauthenticated(
                "A body of this size needs a valid token.", hint="Send `Authorization: Bearer <token>`."
            )
        return True


def check_body(body: bytes) -> None:
    """Raises Invalid for what JSON can say and no database can hold: NUL, halves of surrogates, endless numbers."""
    if b"\0" in body:
        raise errors.Invalid("The body holds a NUL byte.", hint="Send JSON as UTF-8.")
    brackets = body.count(b"[") + body.count(b"{")
    if brackets + body.count(b",") > MOST_VALUES:
        raise errors.TooLarge(
            f"The body holds more than {MOST_VALUES} values.",
            hint=f"A manifest lists at most {manifests.MAX_FILES} files; everything else is small.",
            limit=MOST_VALUES,
        )
    if brackets > DEEPEST:
        _check_depth(body)
    if not _SUSPICIOUS.search(body):
        return
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return  # the route says what is wrong with it
    _check_values(document)


def _check_depth(body: bytes) -> None:
    """Counts brackets outside of strings; a body that is no JSON may be judged wrongly, and is refused either way."""
    depth = 0
    for token in _TOKEN.finditer(body):
        if token[0] in b"[{":
            depth += 1
            if depth > DEEPEST:
                raise errors.Invalid(f"The body is nested more than {DEEPEST} deep.")
        elif token[0] in b"]}":
            depth -= 1


def _check_values(document: Any) -> None:
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            check_text(value, "The body")
        elif isinstance(value, int) and abs(value) > _LARGEST:
            raise errors.Invalid("The body holds a whole number of more than 64 bits.")
        elif isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
            raise errors.Invalid("The body holds a number that is not finite.")


def check_text(text: str, what: str) -> None:
    """Raises Invalid for text that no database holds."""
    if "\0" in text:
        raise errors.Invalid(f"{what} holds the character NUL.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise errors.Invalid(f"{what} holds half of a surrogate pair, which is no text.") from None


def _check_address(scope: types.Scope) -> None:
    check_text(scope["path"], "The address")
    if b"%00" in scope.get("query_string", b""):
        raise errors.Invalid("The address holds the character NUL.")


def _is_stream(scope: types.Scope) -> bool:
    return scope["method"] == "PUT" and _STREAMED.fullmatch(scope["path"]) is not None


def replay(body: bytes, receive: types.Receive) -> types.Receive:
    """The body once more, then whatever the client does next."""
    told = False

    async def again() -> types.Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
