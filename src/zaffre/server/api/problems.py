"""Errors as the world sees them: problem+json (RFC 9457) with the request's id."""

import logging
from typing import Any

import fastapi
import fastapi.exceptions
import starlette.exceptions
from fastapi import responses

from zaffre.core import errors
from zaffre.server.api import auth

log = logging.getLogger(__name__)


def install(app: fastapi.FastAPI) -> None:
    """Make every error of the application a problem document."""
    app.add_exception_handler(errors.ZaffreError, _ours)
    app.add_exception_handler(fastapi.exceptions.RequestValidationError, _malformed)
    app.add_exception_handler(starlette.exceptions.HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def answer(
    request: fastapi.Request, error: errors.ZaffreError, *, status: int | None = None
) -> responses.JSONResponse:
    """The problem document of an error, as a response."""
    number = auth.request_id(request)
    problem = errors.to_problem(error, request_id=number)
    problem["status"] = status or error.status
    headers = {"x-request-id": number}
    if problem["status"] == 401:
        headers["www-authenticate"] = "Bearer"
    return responses.JSONResponse(
        problem, status_code=problem["status"], headers=headers, media_type="application/problem+json"
    )


async def _ours(request: fastapi.Request, error: Exception) -> fastapi.Response:
    assert isinstance(error, errors.ZaffreError)
    return answer(request, error)


async def _malformed(request: fastapi.Request, error: Exception) -> fastapi.Response:
    assert isinstance(error, fastapi.exceptions.RequestValidationError)
    lines = [f"{_place(item['loc'])}: {item['msg']}" for item in error.errors()]
    return answer(request, errors.Invalid("The request is not well formed: " + "; ".join(lines) + "."))


def _place(location: tuple[Any, ...]) -> str:
    return ".".join(str(part) for part in location)


async def _http(request: fastapi.Request, error: Exception) -> fastapi.Response:
    assert isinstance(error, starlette.exceptions.HTTPException)
    if error.status_code == 404:
        shaped: errors.ZaffreError = errors.NotFound(
            f"There is nothing at {request.url.path}.", hint="/openapi.json lists what there is."
        )
    elif error.status_code == 405:
        shaped = errors.Invalid(f"{request.method} is not possible at {request.url.path}.")
    else:
        shaped = errors.Invalid(str(error.detail))
    return answer(request, shaped, status=error.status_code)


async def _unexpected(request: fastapi.Request, error: Exception) -> fastapi.Response:
    log.error("request %s failed unexpectedly", auth.request_id(request), exc_info=error)
    return answer(
        request,
        errors.ZaffreError(
            "The server failed on this request.",
            hint=f"Its log names the cause under request id {auth.request_id(request)}.",
        ),
    )
