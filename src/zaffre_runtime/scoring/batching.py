"""Joins requests that wait for a no-code model into one call, and splits the answer. The data plane's scorer for loaders."""

from __future__ import annotations

import contextlib
import json
import time
from typing import Any, Dict, Hashable, List, NamedTuple, Optional, Protocol, Tuple

from zaffre_runtime.scoring import answers, arrays, errors, exchange, payloads, swagger


class Rows(NamedTuple):
    """One request's input. Inputs with the same `key` may be joined; None means alone."""

    value: Any
    size: int
    key: Optional[Hashable] = None


class Model(Protocol):
    """What a loader returns. Both may raise `errors.Refused`."""

    def parse(self, body: bytes) -> Rows: ...

    def predict(self, inputs: List[Rows]) -> Any:
        """The output for all rows of the inputs, in order; more than one input only when they share a key."""

    def schemas(self) -> swagger.Schemas: ...


class Batched:
    def __init__(self, model: Model, most: int) -> None:
        self.most = most
        self._model = model
        self._joins = True

    def schemas(self) -> swagger.Schemas:
        return self._model.schemas()

    def warm_up(self) -> None:
        """Score the example once, so that what libraries load late is there before the first caller is."""
        example = json.dumps(self.schemas().input.get("example", {})).encode()
        with contextlib.suppress(Exception):  # a model may well refuse an example of zeros
            self._model.predict([self._model.parse(example)])

    def score(self, exchanges: List[exchange.Exchange]) -> List[answers.Answer]:
        found: List[Optional[answers.Answer]] = [None] * len(exchanges)
        groups: Dict[Hashable, List[Tuple[int, Rows]]] = {}
        for index, asked in enumerate(exchanges):
            try:
                rows = self._model.parse(_body(asked))
            except errors.Refused as refusal:
                found[index] = answers.refusal(refusal.status, refusal.message)
            else:
                joined = rows.key is not None and self._joins
                groups.setdefault((True, rows.key) if joined else (False, index), []).append((index, rows))
        for members in groups.values():
            for (index, _), answer in zip(members, self._predict([rows for _, rows in members])):
                found[index] = answer
        return [answer for answer in found if answer is not None]

    def _predict(self, inputs: List[Rows]) -> List[answers.Answer]:
        started = time.perf_counter()
        output = self._model.predict(inputs)
        exec_ms = (time.perf_counter() - started) * 1000
        try:
            values = arrays.parts(output, [rows.size for rows in inputs])
        except arrays.NotByRow:
            self._joins = False  # this model does not answer row by row: from now on each request alone
            return [self._predict([rows])[0] for rows in inputs]
        return [answers.Answer(200, answers.encode(value), answers.JSON, False, exec_ms) for value in values]


def _body(asked: exchange.Exchange) -> bytes:
    if asked.scope.method == "GET":
        return json.dumps(payloads.from_query(asked.scope.query_string)).encode()
    return asked.body
