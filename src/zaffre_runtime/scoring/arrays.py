"""From a model's output (numpy, pandas, nested lists) to plain JSON values, and from a joined output to its parts.

Used by loaders. Works by what a value can do (`tolist`, `to_dict`), so that it needs no library itself.
"""

from __future__ import annotations

import itertools
from typing import Any, Callable, List, Optional, Sequence


class NotByRow(Exception):
    """The output does not have one row for each row of the input."""


def plain(value: Any) -> Any:
    if _is_numbers(value):
        return value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "to_dict") and hasattr(value, "columns"):
        return [
            {str(key): plain(item) for key, item in row.items()} for row in value.to_dict(orient="records")
        ]
    if hasattr(value, "toarray"):
        value = value.toarray()
    if hasattr(value, "tolist"):
        found = value.tolist()
        return plain(found) if isinstance(found, list) else _scalar(found)
    return _scalar(value)


def _is_numbers(array: Any) -> bool:
    """Object, text, bytes and time arrays may hold what JSON has no word for; numbers cannot."""
    kind = getattr(getattr(array, "dtype", None), "kind", "O")
    return kind in "biuf" and hasattr(array, "tolist")


def _scalar(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, (str, int, float, list)) or value is None:
        return value
    return str(value)


def parts(output: Any, counts: Sequence[int]) -> List[Any]:
    """The plain output of each request, whose rows were joined in this order."""
    if len(counts) == 1:
        return [plain(output)]
    if isinstance(output, dict):
        split = {key: parts(item, counts) for key, item in output.items()}
        return [{str(key): items[index] for key, items in split.items()} for index in range(len(counts))]
    if isinstance(output, (list, tuple)) and output and all(hasattr(item, "shape") for item in output):
        return [list(one) for one in zip(*(parts(item, counts) for item in output))]
    return _sliced(output, counts)


def slices(output: Any, counts: Sequence[int]) -> List[Any]:
    """As `parts`, but each part stays what it is: an array, a frame."""
    if len(counts) == 1:
        return [output]
    if isinstance(output, dict):
        split = {key: slices(item, counts) for key, item in output.items()}
        return [{key: items[index] for key, items in split.items()} for index in range(len(counts))]
    if isinstance(output, (list, tuple)) and output and all(hasattr(item, "shape") for item in output):
        return [list(one) for one in zip(*(slices(item, counts) for item in output))]
    whole = output.toarray() if hasattr(output, "toarray") else output
    by_position = whole.iloc if hasattr(whole, "iloc") else whole
    if not hasattr(by_position, "__getitem__") or len(whole) != sum(counts):
        raise NotByRow
    ends = list(itertools.accumulate(counts))
    return [by_position[end - count : end] for end, count in zip(ends, counts)]


def _sliced(output: Any, counts: Sequence[int]) -> List[Any]:
    whole = plain(output)
    if not isinstance(whole, list) or len(whole) != sum(counts):
        raise NotByRow
    if len(counts) == len(whole) and max(counts) == 1:
        return [[row] for row in whole]
    found, start = [], 0
    for count in counts:
        found.append(whole[start : start + count])
        start += count
    return found


def table(parts: List[Any], dtype: Any, numpy: Any, *, width: Optional[int] = None) -> Any:
    """One array of the rows of several requests, each a list of rows or an array of this type. `width` is said where all
    rows are known to have as many values: then nothing has to be found out about them."""
    if all(type(part) is list for part in parts):
        rows = parts[0] if len(parts) == 1 else list(itertools.chain.from_iterable(parts))
        if width is None:
            return numpy.array(rows, dtype=dtype)
        values = numpy.fromiter(itertools.chain.from_iterable(rows), dtype, len(rows) * width)
        return values.reshape(len(rows), width)
    if len(parts) == 1:
        return parts[0]
    return numpy.concatenate([numpy.asarray(part, dtype=dtype) for part in parts])


def rectangular(rows: Sequence[Sequence[Any]], width: int, *, refuse: Callable[[str], Exception]) -> None:
    for row in rows:
        if len(row) != width:
            index = next(index for index, row in enumerate(rows) if len(row) != width)
            raise refuse(f"row {index} has {len(row)} values, the model takes {width}")
