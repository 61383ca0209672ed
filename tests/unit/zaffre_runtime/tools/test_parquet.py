"""The tool that reads Parquet files, in this process; what is made of its answer is tested with profiles."""

import sys

import pyarrow as pa
import pytest
from pyarrow import parquet as writer

from zaffre_runtime.tools import parquet, task


def asked(tmp_path, *, most_rows=10, most_bytes=1000, **columns):
    path = tmp_path / "rows.parquet"
    writer.write_table(pa.table(columns), path)
    return {"files": {"rows.parquet": str(path)}, "most_rows": most_rows, "most_bytes": most_bytes}


def test_columns_count_and_rows_are_told(tmp_path):
    found = parquet.work(asked(tmp_path, body=["a", None]))["tables"]["rows.parquet"]
    assert found == {"columns": [["body", "text"]], "count": 2, "rows": ["a", ""]}


def test_rows_that_nobody_takes_are_not_read(tmp_path):
    for columns in ({"a": ["x"], "b": ["y"]}, {"a": [1]}, {"a": ["x"] * 11}):
        assert parquet.work(asked(tmp_path, **columns))["tables"]["rows.parquet"]["rows"] == []


def test_a_small_file_of_many_bytes_ends_before_they_are_there(tmp_path):
    with pytest.raises(task.CannotError) as refused:
        parquet.work(asked(tmp_path, most_bytes=5000, a=["x" * 1000] * 10))
    assert refused.value.code == "too_large"


def test_without_pyarrow_the_error_says_what_to_install(tmp_path, monkeypatch):
    wanted = asked(tmp_path, a=["x"])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(task.CannotError, match="which the server does not have") as refused:
        parquet.work(wanted)
    assert "pip install 'zaffre[parquet]'" in refused.value.hint
    assert refused.value.code == "unsupported"
