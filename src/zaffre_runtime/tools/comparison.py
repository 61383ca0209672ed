"""Whether two forms of a model answer alike: every answer to every row, within a stated tolerance. Called by `convert`.

Labels must be equal. Numbers may differ by `atol` plus `rtol` times the original's size, as numpy's `allclose` counts.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional


class Difference(NamedTuple):
    """The row where the forms differ most, in terms of what is allowed; `excess` above 1 is too much."""

    method: str
    row: int
    difference: float
    excess: float
    original: Any
    converted: Any


def worst(method: str, original: Any, converted: Any, *, rtol: float, atol: float) -> Difference:
    """The worst row of one method's answers; arrays of the same shape, a row each."""
    import numpy as np

    if original.dtype.kind in "OUSb" or converted.dtype.kind in "OUSb":
        return _worst_label(method, original, converted)
    first, second = np.asarray(original, np.float64), np.asarray(converted, np.float64)
    same = (first == second) | (np.isnan(first) & np.isnan(second))
    with np.errstate(invalid="ignore"):
        apart = np.where(same, 0.0, np.abs(first - second))
        allowed = atol + rtol * np.abs(first)
    excess = np.where(same, 0.0, np.where(np.isfinite(apart), apart / np.maximum(allowed, 1e-300), np.inf))
    apart, excess = _by_row(apart), _by_row(excess)
    row = int(np.argmax(excess))
    return Difference(
        method, row, float(np.max(apart)), float(excess[row]), _plain(original[row]), _plain(converted[row])
    )


def _worst_label(method: str, original: Any, converted: Any) -> Difference:
    import numpy as np

    differs = _by_row(np.asarray(original).astype(str) != np.asarray(converted).astype(str))
    row = int(np.argmax(differs))
    apart = float(differs[row])
    return Difference(
        method,
        row,
        apart,
        apart * float("inf") if apart else 0.0,
        _plain(original[row]),
        _plain(converted[row]),
    )


def _by_row(values: Any) -> Any:
    return values.reshape(len(values), -1).max(axis=1)


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


def shaped(original: Any, converted: Any) -> Optional[str]:
    """How the converted answer becomes the original: `all`, `flat`, the column `1`, `bool`; None when it cannot.

    ONNX has no labels of true and false: they come back as 1 and 0.
    """
    if converted.shape == original.shape and original.dtype.kind == "b":
        return "bool"
    if converted.shape == original.shape:
        return "all"
    if original.ndim == 1 and converted.ndim == 2:
        return {1: "flat", 2: "1"}.get(converted.shape[1])
    return None


def take(converted: Any, how: str) -> Any:
    """The part that `shaped` found."""
    if how == "bool":
        return converted.astype(bool)
    return converted if how == "all" else converted[:, int(how == "1")]


def told(found: List[Difference], rows: List[List[Any]]) -> Dict[str, Any]:
    """The worst of all, for people and programs."""
    one = max(found, key=lambda item: item.excess)
    return {
        "method": one.method,
        "row": one.row,
        "input": rows[one.row],
        "original": one.original,
        "onnx": one.converted,
        "difference": one.difference,
    }
