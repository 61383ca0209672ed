"""One running server as the measurement sees it: an address, bodies of known inputs, and whether its answers are right."""

import dataclasses
import http.client
import json
import time
import urllib.parse
from collections.abc import Callable
from typing import Any

from benchmarks.serving import load, model

PATIENCE_S = 120.0


@dataclasses.dataclass(frozen=True)
class Contender:
    """`bodies` belong to the example's inputs, in order; `rows` finds the probabilities in a decoded answer."""

    name: str
    example: model.Example | model.Known
    url: str
    bodies: list[str] | list[bytes]
    rows: Callable[[Any], model.Rows]
    key: str = dataclasses.field(default="", repr=False)

    @property
    def target(self) -> load.Target:
        return load.Target(self.url, self.bodies[0], self.key)

    def is_right(self) -> bool:
        """Whether the row under load is answered with the right values, on a connection of its own."""
        try:
            return self._check(0) is None
        except (OSError, http.client.HTTPException):
            return False

    def await_right(self, is_alive: Callable[[], bool]) -> None:
        """Wait until it listens; then every known input must be answered with the right values."""
        deadline = time.monotonic() + PATIENCE_S
        while (refusal := self._first_refusal()) is not None:
            if time.monotonic() > deadline or not is_alive():
                raise SystemExit(f"{self.name} does not answer rightly: {refusal}")
            time.sleep(0.2)

    def _first_refusal(self) -> str | None:
        try:
            refusals = (self._check(index) for index in range(len(self.bodies)))
            return next((refusal for refusal in refusals if refusal is not None), None)
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"

    def _check(self, index: int) -> str | None:
        """What is wrong with the answer to one input; None when nothing is."""
        status, text = self._post(self.bodies[index])
        if status != 200:
            return f"status {status}: {text[:300]!r}"
        try:
            is_right = self.example.is_right(index, self.rows(json.loads(text)))
        except (ValueError, LookupError, TypeError) as error:
            return f"{type(error).__name__} in {text[:300]!r}"
        return None if is_right else f"other values than the model's own: {text[:300]!r}"

    def _post(self, body: str | bytes) -> tuple[int, bytes]:
        address = urllib.parse.urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=10)
        headers = {"content-type": "application/json"}
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        try:
            connection.request("POST", address.path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()
