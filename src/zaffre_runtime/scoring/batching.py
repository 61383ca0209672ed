"""Joins requests that wait for a no-code model into one call, and splits the answer. The data plane's scorer for loaders."""

from __future__ import annotations

import contextlib
import itertools
import json
import time
import warnings
from typing import Any, Callable, Dict, Hashable, List, Optional, Protocol

import msgspec

from zaffre_runtime.scoring import (
    answers,
    arrays,
    described,
    errors,
    exchange,
    inference,
    inference_rows,
    payloads,
    swagger,
)


class Rows(msgspec.Struct, gc=False):
    """One request's input. Inputs with the same `key` may be joined; None means alone."""

    value: Any
    size: int
    key: Optional[Hashable] = None


class Model(Protocol):
    """What a loader returns. All may raise `errors.Refused`.

    A model may have `from_tensors(named, method) -> Rows | None` beside these, which takes numpy arrays as they came (they
    are not to be written to), and gives None where only a body like those of /score can say what is meant; and
    `describe() -> described.Described`, what it takes and gives.
    """

    def parse(self, body: bytes) -> Rows: ...

    def predict(self, inputs: List[Rows]) -> Any:
        """The output for all rows of the inputs, in order; more than one input only when they share a key."""

    def schemas(self) -> swagger.Schemas: ...


class Batched:
    """`name`, `version` and `platform` are the model's, as the inference protocol repeats them. `here` prepares the thread that
    calls it for calls of the model, where it may be called on another than the one that loaded it."""

    def __init__(
        self, model: Model, most: int, *, name: str = "model", version: str = "1", platform: str = "python"
    ) -> None:
        self.most = most
        self._model = model
        self._from_tensors = getattr(model, "from_tensors", _needs_a_body)
        self._name, self._version, self._platform = name, version, platform
        self._joins = True
        self._schemas = model.schemas()
        self.here: Optional[Callable[[], None]] = getattr(model, "here", None)
        self._methods: List[str] = self._schemas.input.get("properties", {}).get("method", {}).get("enum", [])
        describe = getattr(model, "describe", None)
        self._described: described.Described = describe() if describe is not None else described.NOTHING
        self._seen: Dict[str, List[described.Tensor]] = {}
        told = self._described.outputs
        self._output = str(told[0]["name"]) if len(told) == 1 and not self._methods else inference_rows.OUTPUT

    def schemas(self) -> swagger.Schemas:
        return self._schemas

    def tensors(self) -> Dict[str, Any]:
        """What the inference protocol says of the model: its own words, else what it answered to the example."""
        inputs, outputs = self._described
        if not outputs:
            outputs = list(itertools.chain.from_iterable(self._seen.values()))
        return {"platform": self._platform, "inputs": inputs, "outputs": outputs}

    def warm_up(self) -> None:
        """Score the example once by each method, so that what libraries load late is there before the first caller is."""
        example = self._schemas.input.get("example", {})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an example of zeros means nothing
            for method in self._methods or [""]:
                name = method or self._output
                asked = {**example, "method": method} if method else example
                self._seen[name] = [described.tensor(name, "float64", None)] if method else []
                with contextlib.suppress(Exception):  # a model may well refuse it
                    output = self._model.predict([self._model.parse(json.dumps(asked).encode())])
                    self._seen[name] = described.seen(inference_rows.outputs(output, _numpy(), name=name))

    def score(self, exchanges: List[exchange.Exchange]) -> List[answers.Answer]:
        alike = self._alike(exchanges)
        return self._in_groups(exchanges) if alike is None else self._predict(alike, {})

    def _alike(self, exchanges: List[exchange.Exchange]) -> Optional[List[Rows]]:
        """Nearly always: bodies of /score that go into one call. None when there is anything else among them."""
        parse = self._model.parse
        try:
            rows = [parse(asked.body or _body(asked)) for asked in exchanges if not asked.is_inference]
        except errors.Refused:
            return None
        if len(rows) < len(exchanges) or len({one.key for one in rows}) > 1:
            return None
        return rows if len(rows) == 1 or (self._joins and rows[0].key is not None) else None

    def _in_groups(self, exchanges: List[exchange.Exchange]) -> List[answers.Answer]:
        found: Dict[int, answers.Answer] = {}
        rows: Dict[int, Rows] = {}
        requests: Dict[int, inference.Request] = {}
        groups: Dict[Hashable, List[int]] = {}
        for index, asked in enumerate(exchanges):
            try:
                rows[index] = self._rows(index, asked, requests)
            except errors.Refused as refusal:
                refuse = inference.refusal if asked.is_inference else answers.refusal
                found[index] = refuse(refusal.status, refusal.message)
            else:
                key = rows[index].key
                joined = key is not None and self._joins
                groups.setdefault((True, key) if joined else (False, index), []).append(index)
        for members in groups.values():
            tensors = {place: requests[index] for place, index in enumerate(members) if index in requests}
            found.update(zip(members, self._predict([rows[index] for index in members], tensors)))
        return [found[index] for index in range(len(exchanges))]

    def _rows(self, index: int, asked: exchange.Exchange, requests: Dict[int, inference.Request]) -> Rows:
        if not asked.is_inference:
            return self._model.parse(asked.body or _body(asked))
        request = inference.decode(asked.body, asked.header(inference.HEADER), _numpy())
        method = inference_rows.method(request, self._methods)
        rows = self._from_tensors(request.inputs, method)
        if rows is None:
            rows = self._model.parse(inference_rows.body(request, method))
        requests[index] = request
        return rows

    def _predict(self, inputs: List[Rows], tensors: Dict[int, inference.Request]) -> List[answers.Answer]:
        """One call. `tensors` are the requests, by their place among the inputs, that came as such."""
        started = time.perf_counter()
        try:
            output = self._model.predict(inputs)
        except errors.Refused as refusal:
            if len(inputs) > 1 or not tensors:
                raise
            return [inference.refusal(refusal.status, refusal.message)]
        exec_ms = (time.perf_counter() - started) * 1000
        counts = [one.size for one in inputs]
        try:
            if not tensors:
                return [_plain(value, exec_ms) for value in arrays.parts(output, counts)]
            slices = arrays.slices(output, counts)
        except arrays.NotByRow:
            self._joins = False  # this model does not answer row by row: from now on each request alone
            alone = [{0: tensors[place]} if place in tensors else {} for place in range(len(inputs))]
            return [self._predict([one], tensor)[0] for one, tensor in zip(inputs, alone)]
        return [self._rendered(tensors.get(place), part, exec_ms) for place, part in enumerate(slices)]

    def _rendered(self, request: Optional[inference.Request], part: Any, exec_ms: float) -> answers.Answer:
        if request is None:
            return _plain(arrays.plain(part), exec_ms)
        try:
            wanted = request.document.outputs
            name = wanted[0].name if len(wanted) == 1 else self._output
            outputs = inference_rows.outputs(part, _numpy(), name=name)
            return inference.encode(request, outputs, self._name, version=self._version, exec_ms=exec_ms)
        except errors.Refused as refusal:
            return inference.refusal(refusal.status, refusal.message)


def _plain(value: Any, exec_ms: float) -> answers.Answer:
    return answers.Answer(200, answers.encode(value), answers.JSON, False, exec_ms)


def _needs_a_body(named: Dict[str, Any], method: Optional[str]) -> Optional[Rows]:
    """Of a model that takes no arrays."""
    return None


def _numpy() -> Any:
    """Every loader has imported it."""
    import numpy as np

    return np


def _body(asked: exchange.Exchange) -> bytes:
    if asked.scope.method == "GET":
        return json.dumps(payloads.from_query(asked.scope.query_string)).encode()
    return asked.body
