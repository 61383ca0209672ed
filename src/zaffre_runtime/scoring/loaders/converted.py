"""ONNX models that Zaffre converted (`zaffre_runtime.tools.convert`): bodies and answers are those of the original.

The file's own metadata says which output is which method's answer, and what the columns are called. Called by the ONNX
loader; other ONNX models never get here.
"""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

from zaffre_runtime.scoring import arrays, batching, described, errors, swagger
from zaffre_runtime.scoring.loaders import columns, frames, tensors

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
        inputs: List[tensors.Tensor],
        call: Callable[[List[str], tensors.Feeds], List[Any]],
        known: Facts,
        *,
        outputs: List[tensors.Tensor],
        here: Optional[Callable[[], None]] = None,
    ) -> None:
        import numpy as np

        self._np = np
        self._inputs = inputs
        self._call = call
        self._known = known
        self.here = here
        self._outputs = {one.name: one for one in outputs}
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

    def describe(self) -> described.Described:
        """Inputs by the names that requests give them, outputs by the methods whose answers they are."""
        by_column = self._known.columns if len(self._inputs) > 1 else None
        names = by_column or [one.name for one in self._inputs]
        inputs = [described.tensor(name, one.dtype, one.shape) for name, one in zip(names, self._inputs)]
        return described.Described(inputs, [self._output(method) for method in self._known.methods])

    def _output(self, method: str) -> described.Tensor:
        name, how = self._known.methods[method]
        one = self._outputs[name]
        dtype = "bool" if how == "bool" else one.dtype
        return described.tensor(method, dtype, one.shape if how in ("all", "bool") else None)

    def parse(self, body: bytes) -> batching.Rows:
        found = frames.numbers(body) if self._numeric else None
        if found is None:
            rows, names, method = self._table(body)
        else:
            given: Any = found.data if found.input_data is None else found.input_data
            rows, names = (given.data, given.columns) if isinstance(given, frames.Split) else (given, None)
            method = self._method(found.method)
        if not rows:
            raise errors.Refused(400, "There is no row to score.")
        order = self._order(names)
        width = len(names) if names is not None and order is not None else self._width
        if width is not None:
            arrays.rectangular(rows, width, refuse=_refusal)
        if order is not None:
            rows = [[row[index] for index in order] for row in rows]
        return batching.Rows(rows, len(rows), method)

    def from_tensors(self, named: Dict[str, Any], method: Optional[str]) -> Optional[batching.Rows]:
        """Rows of numbers, and columns by their names; rows of text go the long way."""
        if len(named) > 1:
            return self._from_columns(columns.named(named, self._np), method)
        (array,) = named.values()
        one = len(self._inputs) == 1 and self._numeric
        if not one or array.ndim != 2 or array.dtype.kind not in "iuf" or not len(array):
            return None
        if self._width is not None and array.shape[1] != self._width:
            raise _refusal(f"row 0 has {array.shape[1]} values, the model takes {self._width}")
        rows = self._np.require(array, self._inputs[0].dtype, ["C", "A"])
        return batching.Rows(rows, len(rows), self._method(method))

    def _from_columns(
        self, named: Optional[Dict[str, Any]], method: Optional[str]
    ) -> Optional[batching.Rows]:
        """One array for each input, or for the only one; None where a value is not of its input's type."""
        if named is None:
            return None
        order = self._order(list(named))
        given = list(named.values())
        given = given if order is None else [given[index] for index in order]
        if self._width is not None and len(given) != self._width:
            raise _refusal(f"row 0 has {len(given)} values, the model takes {self._width}")
        dtypes = [one.dtype for one in self._inputs] * (len(given) if len(self._inputs) == 1 else 1)
        if not all(_takes(one, dtype, self._np) for one, dtype in zip(given, dtypes)):
            return None
        parts = [self._np.array(one, dtype=dtype) for one, dtype in zip(given, dtypes)]
        value: Any = tuple(part.reshape(-1, 1) for part in parts)
        if len(self._inputs) == 1:
            value = self._np.column_stack(parts)
        return batching.Rows(value, len(parts[0]), self._method(method))

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
                one.name: self._np.concatenate([self._column(part, index) for part in parts])
                for index, one in enumerate(self._inputs)
            }
        except (ValueError, TypeError, OverflowError) as error:
            raise errors.Refused(400, f"The rows are not what the model takes: {error}") from error

    def _column(self, part: Any, index: int) -> Any:
        """Of one request: rows as they came in a body, or a tuple of columns."""
        if isinstance(part, tuple):
            return part[index]
        return self._np.array([[row[index]] for row in part], dtype=self._inputs[index].dtype)

    def _table(self, body: bytes) -> Tuple[List[Any], Optional[List[str]], str]:
        """Anything but rows of numbers: text, records, missing values."""
        found = frames.table(body)
        unknown = sorted(set(found.body) - {"data", "input_data", "method"})
        if unknown:
            raise errors.Refused(
                400, f"The body has the unknown key {unknown[0]!r}; it takes {frames.SHAPES} and `method`."
            )
        rows, names = found.data, found.columns
        if isinstance(rows, dict):
            rows, names = frames.transposed(rows)
        if rows and all(isinstance(row, dict) for row in rows):
            names = list(rows[0])
            if any(set(row) != set(names) for row in rows):
                raise errors.Refused(400, "The records do not have the same columns.")
            rows = [[row[name] for name in names] for row in rows]
        if not all(isinstance(row, list) for row in rows):
            raise errors.Refused(400, f"Each row must be an array of values: {frames.SHAPES}.")
        return rows, names, self._method(found.body.get("method"))

    def _method(self, wanted: Any) -> str:
        if wanted is None:
            return self._known.default
        if wanted not in self._known.methods:
            there = ", ".join(self._known.methods)
            raise errors.Refused(400, f"The model has no method {wanted!r}; it has: {there}.")
        return str(wanted)

    def _order(self, given: Optional[List[str]]) -> Optional[List[int]]:
        """Where the model's columns stand among the given ones; None when either has no names."""
        if given is None or self._known.columns is None:
            return None
        missing = [name for name in self._known.columns if name not in given]
        if missing:
            raise errors.Refused(400, f"Columns that the model needs are missing: {', '.join(missing)}.")
        return [given.index(name) for name in self._known.columns]


def _takes(column: Any, dtype: str, numpy: Any) -> bool:
    """Texts are lists, and only whole numbers go into whole numbers."""
    if isinstance(column, list) or dtype == "object":
        return isinstance(column, list) and dtype == "object"
    return bool(numpy.can_cast(column.dtype, dtype, "same_kind"))


def _refusal(text: str) -> errors.Refused:
    return errors.Refused(400, f"The rows do not fit the model: {text}.")
