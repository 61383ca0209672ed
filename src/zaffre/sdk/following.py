"""Output of a deployment as it comes: lines of the build of its environment and of its instances.

Made by the operations of deployments. Holds the cursor, so that nothing is told twice and nothing is left out, also over
a restart of the server.
"""

import collections
import re
import time
from collections.abc import Iterator
from typing import Any

from zaffre.core import errors
from zaffre.sdk import transport

Lines = list[dict[str, str]]

_REMEMBERED = 1000


class Output:
    """What comes after this moment; each look is one request. A deployment that is not there yet has said nothing."""

    def __init__(self, wire: transport.Transport, path: str, *, operations: str, instances: bool) -> None:
        self._wire = wire
        self._path = path
        self._operations = operations
        self._instances = instances
        self._heard: collections.deque[str] = collections.deque(maxlen=_REMEMBERED)
        self._cursor = self._begin()

    def look_at(self, operation_id: str) -> dict[str, Any]:
        """An operation on the deployment as it is now, and as `lines` what is new since the last look, each with its
        `source` and `text`; none once the deployment is deleted.

        Of work that failed, also the last lines that its operation knows: the process that wrote them may be removed
        before anybody has looked.
        """
        try:
            answer = self._ask(operation=operation_id)
        except errors.NotFound:
            answer = {}
        operation: dict[str, Any] = answer.get("operation") or self._wire.get(
            f"{self._operations}/{operation_id}"
        )
        lines: Lines = answer.get("lines", [])
        self._heard.extend(line["text"] for line in lines)
        problem = operation.get("error") if operation.get("state") == "Failed" and self._instances else None
        operation["lines"] = lines + self._unheard(problem) if isinstance(problem, dict) else lines
        operation["progress"] = _without_newest_line(operation.get("progress") or {})
        return operation

    def _unheard(self, problem: dict[str, Any]) -> Lines:
        said = (problem.get("fields") or {}).get("last_log_lines") or []
        number = re.search(r"[Ii]nstance (\d+)", str(problem.get("detail")))
        source = f"instance {number[1] if number else 0}"
        return [{"source": source, "text": text} for text in said if text not in self._heard]

    def look(self) -> Lines:
        """The new lines alone; raises NotFound once the deployment is deleted."""
        lines: Lines = self._ask()["lines"]
        return lines

    def _ask(self, **also: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._wire.get(
            self._path, cursor=self._cursor, instances=self._instances, **also
        )
        self._cursor = answer["cursor"]
        return answer

    def _begin(self) -> str:
        try:
            return str(self._wire.get(self._path, from_now=True)["cursor"])
        except errors.NotFound:
            return ""


def batches(wire: transport.Transport, path: str, *, pause_s: float = 0.5) -> Iterator[Lines]:
    """New lines for as long as the deployment is there. Raises NotFound when it never was."""
    wire.get(path, from_now=True)
    output = Output(wire, path, operations="", instances=True)
    while True:
        try:
            lines = output.look()
        except errors.NotFound:
            return
        if lines:
            yield lines
        time.sleep(pause_s)


def _without_newest_line(progress: dict[str, Any]) -> dict[str, Any]:
    """The message of a build ends with its newest line, which whoever follows the lines has heard."""
    stage, colon, _ = str(progress.get("message") or "").partition("Preparing the environment:")
    return {**progress, "message": stage + colon.rstrip(":")} if colon else progress
