"""The tabular request bodies that no-code models take, decoded once for all loaders.

{"data": [[...]]}, {"data": [{"a": 1}]}, {"input_data": [[...]]}, {"input_data": {"columns": [...], "data": [[...]]}},
{"input_data": {"name": [[...]]}}; beside them `method` (scikit-learn) and `params` (MLflow).
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Tuple, Union

import msgspec

from zaffre_runtime.scoring import errors, payloads

SHAPES = '{"data": [[...]]}, {"input_data": [[...]]} or {"input_data": {"columns": [...], "data": [[...]]}}'


class Split(msgspec.Struct, forbid_unknown_fields=True):
    data: List[List[float]]
    columns: Optional[List[str]] = None
    index: Optional[List[Any]] = None


class Numbers(msgspec.Struct, forbid_unknown_fields=True):
    """The common case, decoded and checked in one step: nothing but finite numbers."""

    data: Optional[List[List[float]]] = None
    input_data: Union[List[List[float]], Split, None] = None
    method: Optional[str] = None


class Table(NamedTuple):
    """`data` is what was sent (rows, records or named tensors); `columns` are there for the split form."""

    data: Any
    columns: Optional[List[str]]
    body: Dict[str, Any]


_numbers = msgspec.json.Decoder(Numbers).decode


def numbers(body: bytes) -> Optional[Numbers]:
    """None when the body is anything else than rows of numbers: then `table` reads it, or says what is wrong."""
    try:
        found = _numbers(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    if found.input_data is None:
        return None if found.data is None else found
    if found.data is not None:
        return None
    columns = found.input_data.columns if isinstance(found.input_data, Split) else None
    return found if columns is None or len(set(columns)) == len(columns) else None


def table(body: bytes) -> Table:
    value = payloads.object_from_json(body)
    given = [name for name in ("data", "input_data") if name in value]
    if len(given) != 1:
        raise errors.Refused(400, f"The body must have the one key `data` or `input_data`: {SHAPES}.")
    data = value[given[0]]
    if isinstance(data, dict) and "data" in data and set(data) <= {"data", "columns", "index"}:
        return Table(_rows(data["data"]), _names(data.get("columns")), value)
    if isinstance(data, (list, dict)):
        return Table(data, None, value)
    raise errors.Refused(
        400, f"`{given[0]}` is {payloads.kind_of(data)}; it must be an array of rows: {SHAPES}."
    )


def _rows(data: Any) -> List[Any]:
    if not isinstance(data, list):
        raise errors.Refused(400, f"`data` is {payloads.kind_of(data)}; it must be an array of rows.")
    return data


def _names(columns: Any) -> Optional[List[str]]:
    if columns is None:
        return None
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise errors.Refused(400, "`columns` must be an array of strings.")
    if len(set(columns)) != len(columns):
        raise errors.Refused(400, "`columns` names a column twice.")
    return columns


def transposed(named: Dict[str, Any]) -> Tuple[List[List[Any]], List[str]]:
    """Columns by name, as MLflow's named tensors of one column each, as rows and their names."""
    columns = [[item[0] if isinstance(item, list) and len(item) == 1 else item for item in column]
               if isinstance(column, list) else [column] for column in named.values()]  # fmt: skip
    if len({len(column) for column in columns}) > 1:
        raise errors.Refused(400, "The columns of `input_data` have different lengths.")
    return [list(row) for row in zip(*columns)], list(named)
