"""One request and the way back to its caller.

Made by http.py on the listener's thread, scored by the data plane on the main thread, and answered once, by whoever
claims it first (the data plane, or the watch when time is up).
"""

from __future__ import annotations

import functools
import itertools
import os
from typing import Any, Callable, List, Optional, Set, Tuple

from zaffre_runtime.scoring import answers, connection, logs

HEADER_LIMIT = 100
SERVER_VERSION = "zaffre/0.1.0"

_UNKNOWN: List[Tuple[str, str]] = []
FAILED = ("x-ms-run-function-failed", "True")
WORKED = ("x-ms-run-function-failed", "False")

_process = (
    f"{os.urandom(4).hex()}-{os.urandom(2).hex()}-4{os.urandom(2).hex()[1:]}-a{os.urandom(2).hex()[1:]}-"
)
_number = itertools.count().__next__


def new_request_id() -> str:
    """Shaped like a UUID: a random part of this process, then a count (a fresh random one costs ten times as much)."""
    return f"{_process}{_number():012x}"


class HeadersTooLong(Exception):
    pass


def identity(headers: Any) -> List[Tuple[str, str]]:
    """The ids of a request, repeated in its answer; x-ms-request-id is Azure's older name of the client's own id."""
    get = headers.get
    request_id = get("x-request-id") or new_request_id()
    client = get("x-ms-client-request-id")
    legacy = get("x-ms-request-id")
    trace = get("traceid")
    if client is None is legacy and trace is None and len(request_id) <= HEADER_LIMIT:
        return [("x-request-id", request_id), ("x-ms-request-id", request_id)]
    client, legacy = client or legacy, legacy or client or request_id
    if len(request_id) > HEADER_LIMIT:
        raise HeadersTooLong(f"x-request-id must not exceed {HEADER_LIMIT} characters")
    if len(client or "") > HEADER_LIMIT or len(legacy) > HEADER_LIMIT:
        raise HeadersTooLong(
            f"x-ms-request-id and x-ms-client-request-id must not exceed {HEADER_LIMIT} characters"
        )
    found = [("x-request-id", request_id), ("x-ms-request-id", legacy)]
    if client:
        found.append(("x-ms-client-request-id", client))
    if trace is not None:
        found.append(("TraceId", trace))
    return found


@functools.lru_cache(maxsize=1)
def _took(exec_ms: float) -> Tuple[str, str]:
    """The same for all requests of a call."""
    return ("x-ms-run-fn-exec-ms", f"{exec_ms:.3f}")


class Exchange:
    """`scope` is the request as it came, with its body."""

    __slots__ = (
        "_common", "_under_way", "alone", "arrived", "body", "headers", "identity", "is_inference", "request_id", "scope",
    )  # fmt: skip

    def __init__(
        self, request: connection.Request, common: List[Tuple[str, str]], under_way: Set[Exchange]
    ) -> None:
        self._under_way = under_way  # those that are not answered; who takes one out answers it
        under_way.add(self)
        self._common = common
        self.scope = request
        self.headers = request.headers
        self.body = request.body
        self.identity = _UNKNOWN
        self.request_id = ""
        self.is_inference = False  # whether the body is of the Open Inference Protocol
        self.alone = False  # whether it must not share a call with others
        self.arrived = 0.0  # when it was complete; set by the data plane

    def header(self, name: str) -> Optional[str]:
        return self.headers.get(name)

    def answer(self, answer: answers.Answer) -> bool:
        """Send the answer unless one was sent before; True if this one was. Safe on any thread."""
        try:
            self._under_way.remove(self)
        except KeyError:
            return False
        headers = [("content-type", answer.content_type), FAILED if answer.failed else WORKED, *self.identity]
        if answer.exec_ms is not None:
            headers.append(_took(answer.exec_ms))
        headers += self._common
        headers += answer.headers
        try:
            self.scope.respond(answer.status, headers, answer.body)
        except ValueError as error:
            logs.say(f"request {self.request_id} is answered with 500: {error}")
            self.scope.respond(500, [("content-type", answers.JSON), FAILED], answers.NOT_SENT)
        return True

    def answer_with(self, answer: answers.Answer) -> None:
        """`answer` for callers that do not care who was first."""
        self.answer(answer)


Maker = Callable[[connection.Request, List[Tuple[str, str]], Set[Exchange]], Exchange]
"""What makes an exchange of a request, the headers of every answer, and those that are under way."""
