"""Output of a deployment as it comes: lines of the build of its environment and of its instances.

Made by the operations of deployments. Holds the cursor, so that nothing is told twice and nothing is left out, also over
a restart of the server.
"""

import time
from collections.abc import Iterator

from zaffre.core import errors
from zaffre.sdk import transport

Lines = list[dict[str, str]]


class Output:
    """What comes after this moment; `news()` looks once. A deployment that is not there yet has said nothing."""

    def __init__(self, wire: transport.Transport, path: str, *, instances: bool) -> None:
        self._wire = wire
        self._path = path
        self._instances = instances
        self._cursor = self._begin()

    def news(self) -> Lines:
        """Lines that are new since the last look, each with its `source` and `text`; none once it is deleted."""
        try:
            return self.look()
        except errors.NotFound:
            return []

    def look(self) -> Lines:
        """As `news`; raises NotFound once the deployment is deleted."""
        answer = self._wire.get(self._path, cursor=self._cursor, instances=self._instances)
        self._cursor = answer["cursor"]
        lines: Lines = answer["lines"]
        return lines

    def _begin(self) -> str:
        try:
            return str(self._wire.get(self._path, from_now=True)["cursor"])
        except errors.NotFound:
            return ""


def batches(wire: transport.Transport, path: str, *, pause_s: float = 0.5) -> Iterator[Lines]:
    """New lines for as long as the deployment is there. Raises NotFound when it never was."""
    wire.get(path, from_now=True)
    output = Output(wire, path, instances=True)
    while True:
        try:
            lines = output.look()
        except errors.NotFound:
            return
        if lines:
            yield lines
        time.sleep(pause_s)
