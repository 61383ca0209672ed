"""Tensors as the columns of a table, typed as a body of /score would have them. Called by mlflow.py for the inference protocol.

Pure; numpy is given. None wherever only the body can say what is meant, or refuses in its own words: shapes of more than
one value a row, no rows, numbers that JSON does not know.
"""

from __future__ import annotations

from typing import Any, Dict, Optional

_WORDS = frozenset(("columns", "index", "data"))
"""Keys that mean something else in a body."""


def named(tensors: Dict[str, Any], numpy: Any) -> Optional[Dict[str, Any]]:
    """Each tensor is one column; texts are lists, numbers and truth values arrays."""
    if _WORDS & set(tensors) or len({len(one) if one.ndim else 0 for one in tensors.values()}) > 1:
        return None
    found = {name: _column(array, numpy) for name, array in tensors.items()}
    return None if any(one is None for one in found.values()) else found


def _column(array: Any, numpy: Any) -> Optional[Any]:
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not len(array):
        return None
    if array.dtype.kind == "O":
        return [one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in array]
    return wide(array, numpy)


def wide(array: Any, numpy: Any) -> Optional[Any]:
    """The same numbers in the type that JSON's become, always a copy; None for what has none."""
    kind = array.dtype.kind
    if kind == "b":
        return numpy.array(array)
    if kind == "f":
        found = numpy.array(array, dtype=numpy.float64)
        return found if numpy.isfinite(found).all() else None
    if kind not in "iu" or (array.dtype == numpy.uint64 and len(array) and array.max() > _most(numpy)):
        return None
    return numpy.array(array, dtype=numpy.int64)


def _most(numpy: Any) -> int:
    most: int = numpy.iinfo(numpy.int64).max
    return most
