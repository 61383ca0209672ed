"""From a request to a caller: the bearer token, the request's id, the reason that a change is given."""

import asyncio
import itertools
import re
import secrets
import urllib.parse
from typing import Annotated

import fastapi
from fastapi import concurrency

from zaffre.core import errors
from zaffre.server.access import callers
from zaffre.server.api import context

REASON_LIMIT = 1000
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,100}")
_PROCESS = secrets.token_hex(10)
_NUMBERS = itertools.count()


def request_id(request: fastapi.Request) -> str:
    """The id that the client gave, if it is plain and short; else one of ours. The same for the whole request."""
    known: str | None = getattr(request.state, "request_id", None)
    if known is None:
        given = request.headers.get("x-request-id", "")
        # Unique is enough, nobody need be unable to guess it: one random number does for the life of the process.
        known = given if _REQUEST_ID.fullmatch(given) else f"{_PROCESS}{next(_NUMBERS):012x}"
        request.state.request_id = known
    return known


async def is_known(request: fastapi.Request) -> bool:
    """Whether the request carries a valid token, asked before its body is read."""
    parts = await context.get(request)
    try:
        await _owner(request, parts)
    except errors.Unauthenticated:
        return False
    return True


async def caller(request: fastapi.Request, parts: context.Deps) -> callers.Caller:
    """Whoever makes this request. Raises Unauthenticated without a valid token."""
    return _named(request, await _owner(request, parts))


def _named(request: fastapi.Request, known: callers.Caller) -> callers.Caller:
    reason = urllib.parse.unquote(request.headers.get("x-zaffre-reason", ""))
    if len(reason) > REASON_LIMIT:
        raise errors.Invalid(f"The reason is longer than {REASON_LIMIT} characters.")
    if "\0" in reason:
        raise errors.Invalid("The reason holds the character NUL.")
    return callers.Caller(known.name, known.grants, known.token_id, reason, request_id(request))


def _token(request: fastapi.Request) -> str:
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    return text.strip() if scheme.lower() == "bearer" else ""


async def _owner(request: fastapi.Request, parts: context.Context) -> callers.Caller:
    token = _token(request)
    if not token:
        raise errors.Unauthenticated(
            "This request carries no token.",
            hint="Send `Authorization: Bearer <token>`; `zaffre token show` prints yours.",
        )
    known = parts.authenticator.known(token)
    if known is None:
        known = await _looked_up(token, parts)
    return known


async def _looked_up(token: str, parts: context.Context) -> callers.Caller:
    """What the database says of a token; many requests at once with the same token ask it once."""
    question = parts.authenticator.question(token)
    if question not in parts.asking:
        asked = asyncio.ensure_future(concurrency.run_in_threadpool(parts.authenticator.look_up, token))
        asked.add_done_callback(lambda _: parts.asking.pop(question))
        parts.asking[question] = asked
    return await asyncio.shield(
        parts.asking[question]
    )  # who hangs up does not take the answer from the others


CallerDep = Annotated[callers.Caller, fastapi.Depends(caller)]
