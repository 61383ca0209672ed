"""scikit-learn models in joblib, pickle or skops files.

Classifiers that can answer with probabilities unless the body says `"method": "predict"`. Rows of numbers, the common
case, take the short way: decoded straight into floats (so they are finite and need no second check), joined across
requests, one call. Anything else (text, records, missing values) goes through pandas or an object array, alone.
"""

from __future__ import annotations

import pickle
import sys
import warnings
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from zaffre_runtime.scoring import arrays, batching, described, errors, swagger
from zaffre_runtime.scoring.loaders import columns, features, frames, linear, shortcuts

METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform", "score_samples")


def load(path: Path) -> SklearnModel:
    try:
        import sklearn
    except ImportError as error:
        raise errors.ConfigurationError(
            f"{path.name} needs scikit-learn, which is not in the environment: add it to the dependencies."
        ) from error
    warnings.filterwarnings("ignore", message="X does not have valid feature names")
    model = _from_skops(path) if path.suffix == ".skops" else _from_pickle(path)
    if not any(hasattr(model, method) for method in METHODS):
        raise errors.ConfigurationError(
            f"{path.name} holds {type(model).__module__}.{type(model).__qualname__}, which has no predict():"
            " give a scoring script that says how it answers."
        )
    return SklearnModel(model, sklearn)


def _from_pickle(path: Path) -> Any:
    """The user deployed this file to run it, in this process that runs nothing else."""
    try:
        import joblib
    except ImportError:
        joblib = None
    try:
        if joblib is not None:
            return joblib.load(path)
        return pickle.loads(path.read_bytes())  # noqa: S301 - the model that the user deployed
    except Exception as error:
        raise errors.ConfigurationError(
            f"{path.name} cannot be loaded: {type(error).__name__}: {error}"
        ) from error


def _from_skops(path: Path) -> Any:
    try:
        import skops.io
    except ImportError as error:
        raise errors.ConfigurationError(
            f"{path.name} needs skops, which is not in the environment: add it to the dependencies."
        ) from error
    strange = skops.io.get_untrusted_types(file=path)
    if strange:
        raise errors.ConfigurationError(
            f"{path.name} holds types that skops does not trust: {', '.join(strange)}."
            " Load it in a scoring script that names the types you trust."
        )
    return skops.io.load(path)


def _nested(model: Any) -> bool:
    """Estimators inside this one may pick columns by name."""
    if not hasattr(model, "get_params"):
        return True
    return any(hasattr(value, "fit") for value in model.get_params(deep=True).values())


class SklearnModel:
    def __init__(self, model: Any, sklearn: Any) -> None:
        import numpy as np

        self._np = np
        self._model = model
        self._context = sklearn.config_context
        self._checks = _known_checks(sklearn)
        self._configure = sklearn.set_config
        self.here()
        shortcuts.install(sklearn, sys.modules, np)
        names = getattr(model, "feature_names_in_", None)
        self._names: Optional[List[str]] = None if names is None else [str(name) for name in names]
        self._width: Optional[int] = getattr(model, "n_features_in_", None)
        self._needs_frame = self._names is not None and _nested(model)
        self._direct = linear.methods(model, sklearn, sys.modules, np)
        self._features = features.columns(model, self._names, self._width)
        self._default = "predict_proba" if _answers_probabilities(model) else _first_method(model)
        self._orders: Dict[Tuple[str, ...], Optional[List[int]]] = {}

    def here(self) -> None:
        """scikit-learn's configuration belongs to the thread."""
        self._configure(**dict.fromkeys(self._checks, True))

    def schemas(self) -> swagger.Schemas:
        rows = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
        example = [[one.example for one in self._features]]
        method = {"type": "string", "enum": [name for name in METHODS if hasattr(self._model, name)]}
        given = {
            "type": "object",
            "properties": {"data": rows, "method": method},
            "example": {"data": example},
        }
        return swagger.Schemas(
            given, {"type": "array", "items": {"type": "object"}}, swagger.ANYTHING.versions
        )

    def describe(self) -> described.Described:
        """The outputs are seen when the model is warmed up."""
        inputs = features.tensors(self._features, named=self._names is not None, width=self._width)
        return described.Described(inputs, [])

    def parse(self, body: bytes) -> batching.Rows:
        found = frames.numbers(body)
        if found is None:
            return self._parse_table(body)
        rows, columns = found.data, None
        if rows and found.method is None and {len(row) for row in rows} == {self._width}:
            return batching.Rows(rows, len(rows), self._default)  # nearly always
        if rows is None:
            given = found.input_data
            rows, columns = (given.data, given.columns) if isinstance(given, frames.Split) else (given, None)
        assert rows is not None
        order = self._order(columns) if columns is not None else None
        width = self._width if columns is None or order is None else len(columns)
        if width is not None:
            arrays.rectangular(rows, width, refuse=_refusal)
        if order is not None:
            rows = [[row[index] for index in order] for row in rows]
        if not rows:
            raise errors.Refused(400, "There is no row to score.")
        method = self._default if found.method is None else self._method(found.method)
        return batching.Rows(rows, len(rows), method)

    def from_tensors(self, named: Dict[str, Any], method: Optional[str]) -> Optional[batching.Rows]:
        """Finite numbers in rows, columns by their names, and text; what else there may be goes the long way."""
        if len(named) > 1:
            return self._from_columns(columns.named(named, self._np), method)
        (array,) = named.values()
        if array.ndim != 2 or not len(array):
            return None
        if array.dtype.kind == "O":
            names = self._names or [str(index) for index in range(array.shape[1])]
            self._check_width(array.shape[1])
            return self._from_columns(columns.named(dict(zip(names, array.T)), self._np), method)
        if array.dtype.kind not in "iuf":
            return None
        self._check_width(array.shape[1])
        # Estimators may write to what they are given, and not all of them to other numbers than these.
        table = self._np.array(array, dtype=self._np.float64)
        if not self._np.isfinite(table).all():
            return None
        return batching.Rows(table, len(table), self._method(method))

    def _from_columns(
        self, named: Optional[Dict[str, Any]], method: Optional[str]
    ) -> Optional[batching.Rows]:
        """A frame where the model takes one; else one array: numbers in the type of all bodies, or anything as objects."""
        if named is None:
            return None
        if self._order(list(named)) is not None:
            named = {name: named[name] for name in self._names or ()}
        self._check_width(len(named))
        size = len(next(iter(named.values())))
        wanted = self._method(method)
        if self._needs_frame:
            return batching.Rows((wanted, self._frame(named)), size)
        kinds = {"O" if isinstance(one, list) else one.dtype.kind for one in named.values()}
        if kinds <= {"i", "f"}:
            table = self._np.column_stack(list(named.values())).astype(self._np.float64, copy=False)
            return batching.Rows(table, size, wanted)
        if "O" not in kinds:
            return None
        table = self._np.empty((size, len(named)), dtype=object)
        for index, one in enumerate(named.values()):
            table[:, index] = one if isinstance(one, list) else one.tolist()
        return batching.Rows((wanted, table), size)

    def _check_width(self, width: int) -> None:
        if self._width is not None and width != self._width:
            raise _refusal(f"row 0 has {width} values, the model takes {self._width}")

    def predict(self, inputs: List[batching.Rows]) -> Any:
        first = inputs[0]
        if first.key is None:
            method, table = first.value
            with self._context(**dict.fromkeys(self._checks, False)):
                return self._called(method, table)
        array = arrays.table([one.value for one in inputs], self._np.float64, self._np, width=self._width)
        direct = self._direct.get(str(first.key))
        if direct is not None:
            return direct(array)
        return self._called(str(first.key), self._frame(array) if self._needs_frame else array)

    def _called(self, method: str, table: Any) -> Any:
        try:
            return getattr(self._model, method)(table)
        except (ValueError, TypeError, KeyError) as error:
            raise errors.Refused(400, f"The model refused the input: {error}") from error

    def _method(self, wanted: Any) -> str:
        if wanted is None:
            return self._default
        if wanted not in METHODS or not hasattr(self._model, wanted):
            there = ", ".join(name for name in METHODS if hasattr(self._model, name))
            raise errors.Refused(400, f"The model has no method {wanted!r}; it has: {there}.")
        return str(wanted)

    # Anything but rows of numbers

    def _parse_table(self, body: bytes) -> batching.Rows:
        found = frames.table(body)
        unknown = sorted(set(found.body) - {"data", "input_data", "method"})
        if unknown:
            raise errors.Refused(
                400, f"The body has the unknown key {unknown[0]!r}; it takes {frames.SHAPES} and `method`."
            )
        method = self._method(found.body.get("method"))
        rows, columns = found.data, found.columns
        if isinstance(rows, dict):
            rows, columns = frames.transposed(rows)
        if rows and all(isinstance(row, dict) for row in rows):
            rows, columns = _from_records(rows)
        if not rows:
            raise errors.Refused(400, "There is no row to score.")
        if not all(isinstance(row, list) for row in rows):
            raise errors.Refused(400, f"Each row must be an array of values: {frames.SHAPES}.")
        arrays.rectangular(rows, len(columns) if columns else self._width or len(rows[0]), refuse=_refusal)
        return batching.Rows((method, self._table(rows, columns)), len(rows))

    def _table(self, rows: List[List[Any]], columns: Optional[List[str]]) -> Any:
        order = self._order(columns) if columns is not None else None
        if order is not None:
            rows = [[row[index] for index in order] for row in rows]
        if self._needs_frame:
            return self._frame(rows)
        try:
            array = self._np.array(rows)
        except ValueError as error:
            raise errors.Refused(400, f"The rows do not make a table: {error}") from error
        return array if array.dtype.kind in "biuf" else self._np.array(rows, dtype=object)

    def _frame(self, rows: Any) -> Any:
        try:
            import pandas as pd
        except ImportError as error:
            raise errors.Refused(
                500, "The model picks columns by name: add pandas to the environment."
            ) from error
        return pd.DataFrame(rows, columns=self._names).infer_objects()

    def _order(self, columns: List[str]) -> Optional[List[int]]:
        """Where the model's columns stand among the given ones; None when the model knows no names."""
        if self._names is None:
            return None
        key = tuple(columns)
        if key not in self._orders:
            missing = [name for name in self._names if name not in columns]
            if missing:
                raise errors.Refused(400, f"Columns that the model needs are missing: {', '.join(missing)}.")
            if len(self._orders) > 1000:
                self._orders.clear()
            self._orders[key] = [columns.index(name) for name in self._names]
        return self._orders[key]


def _known_checks(sklearn: Any) -> List[str]:
    """Checks that decoded numbers do not need, switched off once for this thread; older versions know fewer."""
    return [name for name in ("assume_finite", "skip_parameter_validation") if name in sklearn.get_config()]


def _answers_probabilities(model: Any) -> bool:
    return hasattr(model, "predict_proba") and hasattr(model, "classes_")


def _first_method(model: Any) -> str:
    return next(method for method in METHODS if hasattr(model, method))


def _refusal(text: str) -> errors.Refused:
    return errors.Refused(400, f"The rows do not fit the model: {text}.")


def _from_records(records: List[Dict[str, Any]]) -> Tuple[List[List[Any]], List[str]]:
    columns = list(records[0])
    for index, record in enumerate(records):
        if set(record) != set(columns):
            raise errors.Refused(
                400, f"Row {index} does not have the same columns as row 0 ({', '.join(columns)})."
            )
    return [[record[name] for name in columns] for record in records], columns
