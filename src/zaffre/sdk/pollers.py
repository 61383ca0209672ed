"""Long work that the caller can wait for: the server does it, the poller asks how far it is.

Made by the operations of deployments, endpoints and environments; has the verbs of azure.core's LROPoller. Letting
go of a poller does not stop the work.
"""

import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from zaffre.core import errors

Result = TypeVar("Result")
Progress = Callable[[dict[str, Any]], None]

_FINAL = {
    "succeeded": "Succeeded", "failed": "Failed", "canceled": "Canceled", "cancelled": "Cancelled", "timedout": "TimedOut",
}  # fmt: skip


class Poller(Generic[Result]):
    """`result()` waits and returns the thing; `done()` and `status()` look once."""

    def __init__(
        self,
        operation: dict[str, Any],
        *,
        look: Callable[[], dict[str, Any]],
        finish: Callable[[dict[str, Any]], Result],
        progress: Progress | None = None,
    ) -> None:
        self._operation = operation
        self._look = look
        self._finish = finish
        self._callbacks: list[Callable[[Poller[Result]], None]] = []
        self.progress = progress

    @classmethod
    def finished(cls, value: Result) -> "Poller[Result]":
        """A poller of work that is done already."""
        return cls({"state": "Succeeded"}, look=lambda: {"state": "Succeeded"}, finish=lambda _: value)

    @property
    def operation(self) -> dict[str, Any]:
        """The operation's record as last seen: id, kind, state, progress, message, error, result."""
        return dict(self._operation)

    def status(self) -> str:
        """Looks once; `InProgress`, `Succeeded`, `Failed`, `Canceled` or `TimedOut`."""
        self.done()
        return self._seen()

    def done(self) -> bool:
        """Looks once; True when the work has ended, well or badly."""
        if self._seen() == "InProgress":
            self._operation = self._look()
            if self.progress:
                self.progress(self._operation)
        if self._seen() == "InProgress":
            return False
        while self._callbacks:
            self._callbacks.pop(0)(self)
        return True

    def _seen(self) -> str:
        return _FINAL.get(str(self._operation.get("state", "Running")).lower(), "InProgress")

    def wait(self, timeout: float | None = None) -> None:
        """Waits for the end, at most `timeout` seconds; raises the error the work ended with."""
        deadline = None if timeout is None else time.monotonic() + timeout
        began = time.monotonic()
        while not self.done():
            if deadline is not None and time.monotonic() >= deadline:
                return
            # In proportion to what was waited, so that the end is never noticed much later than it comes.
            time.sleep(min(max(0.05, (time.monotonic() - began) / 20), 0.5))
        if self._seen() != "Succeeded":
            raise self._failure()

    def result(self, timeout: float | None = None) -> Result:
        """Waits, then returns the thing as it is now. Raises Unavailable when the time is over first."""
        self.wait(timeout)
        if self._seen() == "InProgress":
            raise errors.Unavailable(
                f"The work is still going on after {timeout} s.",
                hint="It continues on the server; wait again.",
            )
        return self._finish(self._operation)

    def add_done_callback(self, callback: Callable[["Poller[Result]"], None]) -> None:
        """Calls `callback(poller)` when a look sees the end; at once when one has."""
        self._callbacks.append(callback)
        if self._seen() != "InProgress":
            self.done()

    def remove_done_callback(self, callback: Callable[["Poller[Result]"], None]) -> None:
        """Takes back what was not called yet."""
        self._callbacks = [kept for kept in self._callbacks if kept != callback]

    def continuation_token(self) -> str:
        """The operation's id, by which the work can be found again."""
        return str(self._operation.get("id", ""))

    def _failure(self) -> errors.ZaffreError:
        problem = self._operation.get("error")
        if isinstance(problem, dict):
            return errors.from_problem(problem)
        said = problem or self._operation.get("message")
        return errors.ZaffreError(str(said or f"The work ended as {self._seen()}."))
