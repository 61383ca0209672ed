"""Reads the one text column of Parquet files. One job of the server's own Python, in isolation: the files are a caller's.

Asked: `{files: {name: path}, most_rows, most_bytes}`; answered: `{tables: {name: {columns: [[name, kind], ...], count, rows}}}`.
Of a file that does not have exactly one column of text `rows` is empty; whether that is right is said by who asked.
"""

from __future__ import annotations

import sys
from typing import Any, Dict, List

from zaffre_runtime.tools import task

TEXT, OTHER = "text", "other"
INSTALL = "pip install 'zaffre[parquet]'"


def work(asked: Dict[str, Any]) -> Dict[str, Any]:
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise task.CannotError(
            "unsupported",
            f"Parquet files are read by pyarrow, which the server does not have ({error}).",
            hint=f"Install it beside the server: {INSTALL}. Or write the rows as CSV or JSON lines.",
        ) from error
    tables, left = {}, int(asked["most_bytes"])
    for name, path in asked["files"].items():
        try:
            with parquet.ParquetFile(path) as file:
                tables[name] = _table(file, pa.types, most_rows=asked["most_rows"], most_bytes=left)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise task.CannotError(
                "invalid", f"{name} is not a Parquet file that can be read: {error}"
            ) from error
        left -= sum(map(len, tables[name]["rows"]))
    return {"tables": tables}


def _table(file: Any, types: Any, *, most_rows: int, most_bytes: int) -> Dict[str, Any]:
    columns = [[field.name, _kind(field.type, types)] for field in file.schema_arrow]
    count = file.metadata.num_rows
    rows: List[str] = []
    if len(columns) == 1 and columns[0][1] == TEXT and count <= most_rows:
        for batch in file.iter_batches(batch_size=64):
            texts = ["" if value is None else value for value in batch.column(0).to_pylist()]
            most_bytes -= sum(map(len, texts))
            if most_bytes < 0:
                raise task.CannotError("too_large", "The rows are larger than a profile takes.")
            rows += texts
    return {"columns": columns, "count": count, "rows": rows}


def _kind(kind: Any, types: Any) -> str:
    if types.is_dictionary(kind):
        kind = kind.value_type
    is_text = types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)
    return TEXT if is_text else OTHER


if __name__ == "__main__":
    sys.exit(task.run(work))
