"""MLflow model folders, through `mlflow.pyfunc`: it enforces the model's signature, and its words reach the caller.

Bodies: {"input_data": {"columns": [...], "index": [...], "data": [[...]]}}, {"input_data": [[...]]} and
{"input_data": {"name": [[...]]}}, with `params` beside it. Only rows for flavours that answer row by row are joined.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Hashable, Iterable, List, Optional

from zaffre_runtime.scoring import batching, described, errors, inference_rows, swagger
from zaffre_runtime.scoring.loaders import columns, frames

BY_ROW = frozenset(("sklearn", "xgboost", "lightgbm", "catboost", "onnx"))
INTEGERS = ("integer", "long")
FLOATS = ("float", "double")


def load(folder: Path) -> MlflowModel:
    try:
        import mlflow.pyfunc
    except ImportError as error:
        raise errors.ConfigurationError(
            f"the MLflow model {folder.name} needs mlflow, which is not in the environment: add it to the dependencies."
        ) from error
    try:
        model = mlflow.pyfunc.load_model(str(folder))
    except Exception as error:
        raise errors.ConfigurationError(
            f"the MLflow model {folder.name} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    return MlflowModel(model, mlflow)


class MlflowModel:
    """Has no `here`: a pyfunc may be anybody's code, with connections or settings that belong to the thread that loaded it."""

    def __init__(self, model: Any, mlflow: Any) -> None:
        import numpy as np
        import pandas as pd

        self._np, self._pd = np, pd
        self._model = model
        self._refusal = mlflow.exceptions.MlflowException
        self._schema = model.metadata.get_input_schema()
        self._names: Optional[List[str]] = None
        if self._schema is not None and self._schema.has_input_names():
            self._names = list(self._schema.input_names())
        self._tensors = self._schema is not None and self._schema.is_tensor_spec()
        self._narrow = self._names is not None and any(
            _kind(column) == "float" for column in self._schema.inputs
        )
        self._many = bool(BY_ROW & set(model.metadata.flavors)) and not self._tensors
        self._floats = (
            self._many
            and self._names is not None
            and all(_kind(column) in FLOATS for column in self._schema.inputs)
        )

    def schemas(self) -> swagger.Schemas:
        example: Dict[str, Any] = {"data": [[]]}
        if self._names is not None:
            row = [_sample(_kind(column)) for column in self._schema.inputs]
            example = {"columns": self._names, "index": [0], "data": [row]}
        given = {
            "type": "object",
            "properties": {"input_data": {"type": "object"}, "params": {"type": "object"}},
            "example": {"input_data": example},
        }
        return swagger.Schemas(
            given, {"type": "array", "items": {"type": "object"}}, swagger.ANYTHING.versions
        )

    def describe(self) -> described.Described:
        """The signature. Outputs that it does not tell are seen when the model is warmed up."""
        outputs = self._model.metadata.get_output_schema()
        return described.Described(_told(self._schema, "data"), _told(outputs, inference_rows.OUTPUT))

    def parse(self, body: bytes) -> batching.Rows:
        return self._parse_floats(body) or self._parse_table(body)

    def _parse_floats(self, body: bytes) -> Optional[batching.Rows]:
        """The short way, for a signature of floats and exactly its columns in a body of numbers."""
        found = frames.numbers(body) if self._floats else None
        if found is None or found.method is not None:
            return None
        given = found.data if found.input_data is None else found.input_data
        rows, columns = (given.data, given.columns) if isinstance(given, frames.Split) else (given, None)
        names = columns if columns is not None else self._names
        assert names is not None
        if not rows or set(names) != set(self._names or ()) or any(len(row) != len(names) for row in rows):
            return None
        return batching.Rows((rows, None), len(rows), ("floats", *names))

    def _parse_table(self, body: bytes) -> batching.Rows:
        table = frames.table(body)
        unknown = sorted(set(table.body) - {"data", "input_data", "params"})
        if unknown:
            raise errors.Refused(
                400, f"The body has the unknown key {unknown[0]!r}; it takes `input_data` and `params`."
            )
        params = table.body.get("params")
        if params is not None and not isinstance(params, dict):
            raise errors.Refused(400, "`params` must be an object.")
        try:
            value = self._value(table)
        except (ValueError, TypeError, OverflowError) as error:
            raise errors.Refused(400, f"`input_data` does not make a table: {error}") from error
        return batching.Rows((value, params), _size(value), self._key(value, params))

    def from_tensors(self, named: Dict[str, Any], method: Optional[str]) -> Optional[batching.Rows]:
        """Rows or columns without a body between; what makes no table goes the long way."""
        if method is not None:
            return None
        if self._tensors:
            return self._of_the_signature(named)
        if len(named) == 1:
            (array,) = named.values()
            return self._from_rows(array)
        columns_ = columns.named(named, self._np)
        if columns_ is None:
            return None
        if self._floats and set(columns_) == set(self._names or ()) and _are_numbers(named.values()):
            table = self._np.column_stack(list(columns_.values())).astype(self._np.float64)
            return batching.Rows((table, None), len(table), ("floats", *columns_))
        try:
            value = self._typed(self._pd.DataFrame(columns_))
        except (ValueError, TypeError, OverflowError):  # the long way says what is wrong
            return None
        return batching.Rows((value, None), len(value), self._key(value, None))

    def _of_the_signature(self, named: Dict[str, Any]) -> Optional[batching.Rows]:
        """Tensors of the signature's types, where no number can be lost on the way."""
        specs = self._schema.inputs
        if len(named) == 1 and len(specs) == 1:
            named = {specs[0].name: next(iter(named.values()))}
        if named.keys() != {one.name for one in specs}:
            return None
        arrays = [(named[one.name], one.type) for one in specs]
        if any(
            given.dtype.kind == "O" or not self._np.can_cast(given.dtype, wanted) for given, wanted in arrays
        ):
            return None
        # Models may write to what they are given.
        value = {one.name: self._np.array(named[one.name], dtype=one.type) for one in specs}
        return batching.Rows((value if self._names is not None else value[None], None), _size(value))

    def _from_rows(self, array: Any) -> Optional[batching.Rows]:
        table = columns.wide(array, self._np) if array.ndim == 2 and len(array) else None
        if table is None or (self._names is not None and table.shape[1] != len(self._names)):
            return None
        if self._names is None:
            return batching.Rows((table, None), len(table), None)
        if self._floats and _are_numbers([array]):
            return batching.Rows((table, None), len(table), ("floats", *self._names))
        value = self._typed(self._pd.DataFrame(table, columns=self._names))
        return batching.Rows((value, None), len(value), self._key(value, None))

    def predict(self, inputs: List[batching.Rows]) -> Any:
        value, params = inputs[0].value
        if isinstance(inputs[0].key, tuple) and inputs[0].key[0] == "floats":
            value = self._joined(inputs, list(inputs[0].key[1:]))
        elif len(inputs) > 1:
            value = self._pd.concat([one.value[0] for one in inputs], ignore_index=True)
        try:
            return self._model.predict(value, params=params) if params else self._model.predict(value)
        except self._refusal as error:
            raise errors.Refused(
                400 if _callers_fault(error) else 500, f"The model refused the input: {error.message}"
            ) from error
        except (ValueError, TypeError, KeyError) as error:
            raise errors.Refused(
                400, f"The model refused the input: {type(error).__name__}: {error}"
            ) from error

    def _joined(self, inputs: List[batching.Rows], names: List[str]) -> Any:
        parts = [self._np.asarray(one.value[0], dtype=self._np.float64) for one in inputs]
        table = parts[0] if len(parts) == 1 else self._np.concatenate(parts)
        frame = self._pd.DataFrame(table, columns=names)
        return self._typed(frame) if self._narrow else frame

    def _key(self, value: Any, params: Optional[Dict[str, Any]]) -> Optional[Hashable]:
        """Frames of the same columns and types; anything else goes alone."""
        if not self._many or params or not isinstance(value, self._pd.DataFrame):
            return None
        return (tuple(value.columns), tuple(str(kind) for kind in value.dtypes))

    def _value(self, table: frames.Table) -> Any:
        data = table.data
        if table.columns is not None:
            return self._typed(self._pd.DataFrame(data, columns=table.columns, index=_index(table)))
        if isinstance(data, dict):
            return self._named(data)
        if data and all(isinstance(row, dict) for row in data):
            return self._typed(self._pd.DataFrame(data))
        if self._tensors:
            return self._np.array(data, dtype=self._schema.inputs[0].type)
        return self._by_position(data) if self._names is not None else self._np.array(data)

    def _named(self, data: Dict[str, Any]) -> Any:
        if self._tensors:
            kinds = {one.name: one.type for one in self._schema.inputs}
            return {name: self._np.array(value, dtype=kinds.get(name)) for name, value in data.items()}
        columns = {
            name: [_single(item) for item in value] if isinstance(value, list) else [value]
            for name, value in data.items()
        }
        return self._typed(self._pd.DataFrame(columns))

    def _by_position(self, data: List[Any]) -> Any:
        assert self._names is not None
        if any(not isinstance(row, list) or len(row) != len(self._names) for row in data):
            raise errors.Refused(
                400, f"Each row must be an array of {len(self._names)} values: {', '.join(self._names)}."
            )
        return self._typed(self._pd.DataFrame(data, columns=self._names))

    def _typed(self, frame: Any) -> Any:
        """JSON has one kind of number and no times: give each column the signature's type where nothing is lost."""
        if self._schema is None or self._tensors or self._names is None:
            return frame
        for column in self._schema.inputs:
            if column.name not in frame.columns:
                continue
            kind = _kind(column)
            present = frame[column.name].dtype.kind
            if (kind in FLOATS + INTEGERS and present in ("i" if kind in INTEGERS else "iuf")) or (
                kind in FLOATS and present == "O" and _numbers_or_missing(frame[column.name])
            ):
                frame[column.name] = frame[column.name].astype(column.type.to_pandas())
            elif kind == "datetime":
                frame[column.name] = self._pd.to_datetime(frame[column.name])
        return frame


_DTYPES = {
    "boolean": "bool", "integer": "int32", "long": "int64", "float": "float32", "double": "float64"
}  # fmt: skip


def _told(schema: Any, otherwise: str) -> List[described.Tensor]:
    """Named columns are a tensor each; columns without names are the columns of one."""
    if schema is None:
        return []
    specs = schema.inputs
    if schema.is_tensor_spec():
        return [described.tensor(one.name or otherwise, one.type.name, one.shape) for one in specs]
    if schema.has_input_names():
        return [described.tensor(one.name, _DTYPES.get(_kind(one), "object"), [None, 1]) for one in specs]
    kinds = {_DTYPES.get(_kind(one), "object") for one in specs}
    kind = kinds.pop() if len(kinds) == 1 else "object"
    return [described.tensor(otherwise, kind, [None] if len(specs) == 1 else [None, len(specs)])]


def _sample(kind: str) -> Any:
    """A value that a column of this kind takes, for the example that people send first."""
    if kind in FLOATS:
        return 0.0
    return {"integer": 0, "long": 0, "boolean": False, "datetime": "2026-01-01T00:00:00"}.get(kind, "")


def _kind(column: Any) -> str:
    return str(getattr(column.type, "name", ""))


def _numbers_or_missing(column: Any) -> bool:
    return all(value is None or type(value) in (int, float) for value in column)


def _are_numbers(tensors: Iterable[Any]) -> bool:
    return all(one.dtype.kind in "iuf" for one in tensors)


def _index(table: frames.Table) -> Optional[List[Any]]:
    sent = table.body.get("input_data", table.body.get("data"))
    index = sent.get("index") if isinstance(sent, dict) else None
    return index if isinstance(index, list) else None


def _single(item: Any) -> Any:
    return item[0] if isinstance(item, list) and len(item) == 1 else item


def _size(value: Any) -> int:
    return max((len(one) for one in value.values()), default=0) if isinstance(value, dict) else len(value)


def _callers_fault(error: Any) -> bool:
    return getattr(error, "error_code", "") in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST")
