"""The tree of errors that every part of Zaffre raises. Faces translate it; nobody below a face knows HTTP.

    ZaffreError
    ├── Invalid          the request or file is wrong            (400, exit 2)
    ├── Unauthenticated  no token, or a wrong or revoked one     (401, exit 3)
    ├── Denied           the caller may not do this              (403, exit 3)
    ├── NotFound         the thing does not exist                (404, exit 4)
    ├── AlreadyExists    the name or version is taken            (409, exit 5)
    ├── Conflict         somebody else is changing it right now  (409, exit 5)
    ├── InUse            something depends on it                 (412, exit 5)
    ├── TooLarge         over a stated limit                     (413, exit 2)
    ├── Unsupported      known, but this installation cannot     (422, exit 6)
    ├── TooMany          over a rate or a queue                  (429, exit 7)
    └── Unavailable      a part it needs cannot be reached       (503, exit 7)
        └── TimedOut     work that was ended because its time was over

Every error says which thing and what is wrong (`detail`) and what to do next (`hint`).
"""

from typing import Any, ClassVar


class ZaffreError(Exception):
    """Base of all. `detail` and `hint` are sentences for people; `fields` are values for programs."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, detail: str, *, hint: str | None = None, **fields: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.fields = fields
        self.request_id = ""

    def __str__(self) -> str:
        return f"{self.detail} {self.hint}" if self.hint else self.detail

    @property
    def message(self) -> str:
        """The whole text, in the word that users' code asks for; so is `status_code`."""
        return str(self)

    @property
    def status_code(self) -> int:
        """The HTTP status of errors of this kind."""
        return self.status


class Invalid(ZaffreError):
    code, status, exit_code = "invalid", 400, 2


class Unauthenticated(ZaffreError):
    code, status, exit_code = "unauthenticated", 401, 3


class Denied(ZaffreError):
    code, status, exit_code = "denied", 403, 3


class NotFound(ZaffreError):
    code, status, exit_code = "not_found", 404, 4


class AlreadyExists(ZaffreError):
    code, status, exit_code = "already_exists", 409, 5


class Conflict(ZaffreError):
    code, status, exit_code = "conflict", 409, 5


class InUse(ZaffreError):
    code, status, exit_code = "in_use", 412, 5


class TooLarge(ZaffreError):
    code, status, exit_code = "too_large", 413, 2


class Unsupported(ZaffreError):
    code, status, exit_code = "unsupported", 422, 6


class TooMany(ZaffreError):
    code, status, exit_code = "too_many", 429, 7


class Unavailable(ZaffreError):
    code, status, exit_code = "unavailable", 503, 7


class TimedOut(Unavailable):
    code, status, exit_code = "timed_out", 503, 7


_BY_CODE: dict[str, type[ZaffreError]] = {
    kind.code: kind
    for kind in (
        Invalid, Unauthenticated, Denied, NotFound, AlreadyExists, Conflict,
        InUse, TooLarge, Unsupported, TooMany, Unavailable, TimedOut,
    )
}  # fmt: skip


def to_problem(error: ZaffreError, *, request_id: str = "") -> dict[str, Any]:
    """The problem+json document (RFC 9457) of an error."""
    problem: dict[str, Any] = {
        "type": "about:blank",
        "title": type(error).__name__,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        "request_id": request_id,
    }
    if error.hint:
        problem["hint"] = error.hint
    if error.fields:
        problem["fields"] = error.fields
    return problem


def from_problem(problem: dict[str, Any]) -> ZaffreError:
    """The error that a problem+json document describes; an unknown code gives the base error."""
    kind = _BY_CODE.get(str(problem.get("code")), ZaffreError)
    detail = str(problem.get("detail") or problem.get("title") or "The server answered with an error.")
    fields = problem.get("fields")
    error = kind(detail, hint=problem.get("hint"), **(fields if isinstance(fields, dict) else {}))
    error.request_id = str(problem.get("request_id") or "")
    return error
