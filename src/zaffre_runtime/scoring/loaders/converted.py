"""ONNX models that Zaffre converted (`zaffre_runtime.tools.convert`): bodies and answers are those of the original.

The file's own metadata says which output is which method's answer, and what the columns are called. Called by the ONNX
loader; other ONNX models never get here.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from zaffre_runtime.scoring import arrays, batching, errors, swagger
from zaffre_runtime.scoring.loaders import frames, tensors

METHODS, METHOD, COLUMNS = "zaffre.methods", "zaffre.method", "zaffre.columns"


class Facts(NamedTuple):
    """`methods` maps a method to its output and how it is taken: `all`, `flat`, `bool`, or `1` for the second column."""

    methods: Dict[str, Tuple[str, str]]
    default: str
    columns: Optional[List[str]]


def facts(metadata: Dict[str, str]) -> Optional[Facts]:
    """What the metadata of a converted model say; None for any other model."""
    if METHODS not in metadata:
        return None
    methods = {name: (one[0], one[1]) for name, one in json.loads(metadata[METHODS]).items()}
    columns = json.loads(metadata[COLUMNS]) if COLUMNS in metadata else None
    return Facts(methods, metadata.get(METHOD) or next(iter(methods)), columns)


class ConvertedModel:
    """`call` takes one array per input and the names of the outputs that are wanted."""

    def __init__(
        self,
        inputs: List[tensors.Input],
        call: Callable[[List[str], tensors.Feeds], List[Any]],
        known: Facts,
    ) -> None:
        import numpy as np

        self._np = np
        self._inputs = inputs
        self._call = call
        self._known = known
        shape = inputs[0].shape
        self._width = len(inputs) if len(inputs) > 1 else shape[1] if shape and len(shape) > 1 else None
        self._numeric = all(one.dtype != "object" for one in inputs)

    def schemas(self) -> swagger.Schemas:
        rows = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
        example = [[0.0 if one.dtype != "object" else "" for one in self._inputs]]
        if len(self._inputs) == 1:
            example = [example[0] * (self._width or 1)]
        method = {"type": "string", "enum": list(self._known.methods)}
        given = {
            "type": "object",
            "properties": {"data": rows, "method": method},
            "example": {"data": example},
        }
        return swagger.Schemas(
            given, {"type": "array", "items": {"type": "object"}}, swagger.ANYTHING.versions
        )

    def parse(self, body: bytes) -> batching.Rows:
        found = frames.numbers(body) if self._numeric else None
        if found is None:
            rows, columns, method = self._table(body)
        else:
            given: Any = found.data if found.input_data is None else found.input_data
            rows, columns = (given.data, given.columns) if isinstance(given, frames.Split) else (given, None)
            method = self._method(found.method)
        if not rows:
            raise errors.Refused(400, "There is no row to score.")
        order = self._order(columns)
        width = len(columns) if columns is not None and order is not None else self._width
        if width is not None:
            arrays.rectangular(rows, width, refuse=_refusal)
        if order is not None:
            rows = [[row[index] for index in order] for row in rows]
        return batching.Rows(rows, len(rows), method)

    def from_tensors(self, named: Dict[str, Any], method: Optional[str]) -> Optional[batching.Rows]:
        """Rows of numbers; text and columns by their names go the long way."""
        array = next(iter(named.values()))
        one = len(named) == 1 and len(self._inputs) == 1 and self._numeric
        if not one or array.ndim != 2 or array.dtype.kind not in "iuf" or not len(array):
            return None
        if self._width is not None and array.shape[1] != self._width:
            raise _refusal(f"row 0 has {array.shape[1]} values, the model takes {self._width}")
        rows = self._np.require(array, self._inputs[0].dtype, ["C", "A"])
        return batching.Rows(rows, len(rows), self._method(method))

    def predict(self, inputs: List[batching.Rows]) -> Any:
        rows = [one.value for one in inputs]
        name, how = self._known.methods[str(inputs[0].key)]
        output = self._call([name], self._feeds(rows))[0]
        if how == "bool":
            return output.astype(bool)
        return output if how == "all" else output[:, int(how == "1")]

    def _feeds(self, parts: List[Any]) -> tensors.Feeds:
        try:
            if len(self._inputs) == 1:
                return {self._inputs[0].name: arrays.table(parts, self._inputs[0].dtype, self._np)}
            return {
                one.name: self._np.array([[row[index]] for rows in parts for row in rows], dtype=one.dtype)
                for index, one in enumerate(self._inputs)
            }
        except (ValueError, TypeError, OverflowError) as error:
            raise errors.Refused(400, f"The rows are not what the model takes: {error}") from error

    def _table(self, body: bytes) -> Tuple[List[Any], Optional[List[str]], str]:
        """Anything but rows of numbers: text, records, missing values."""
        found = frames.table(body)
        unknown = sorted(set(found.body) - {"data", "input_data", "method"})
        if unknown:
            raise errors.Refused(
                400, f"The body has the unknown key {unknown[0]!r}; it takes {frames.SHAPES} and `method`."
            )
        rows, columns = found.data, found.columns
        if isinstance(rows, dict):
            raise errors.Refused(400, f"Columns by name are not taken: {frames.SHAPES}.")
        if rows and all(isinstance(row, dict) for row in rows):
            columns = list(rows[0])
            if any(set(row) != set(columns) for row in rows):
                raise errors.Refused(400, "The records do not have the same columns.")
            rows = [[row[name] for name in columns] for row in rows]
        if not all(isinstance(row, list) for row in rows):
            raise errors.Refused(400, f"Each row must be an array of values: {frames.SHAPES}.")
        return rows, columns, self._method(found.body.get("method"))

    def _method(self, wanted: Any) -> str:
        if wanted is None:
            return self._known.default
        if wanted not in self._known.methods:
            there = ", ".join(self._known.methods)
            raise errors.Refused(400, f"The model has no method {wanted!r}; it has: {there}.")
        return str(wanted)

    def _order(self, columns: Optional[List[str]]) -> Optional[List[int]]:
        """Where the model's columns stand among the given ones; None when either has no names."""
        if columns is None or self._known.columns is None:
            return None
        missing = [name for name in self._known.columns if name not in columns]
        if missing:
            raise errors.Refused(400, f"Columns that the model needs are missing: {', '.join(missing)}.")
        return [columns.index(name) for name in self._known.columns]


def _refusal(text: str) -> errors.Refused:
    return errors.Refused(400, f"The rows do not fit the model: {text}.")
