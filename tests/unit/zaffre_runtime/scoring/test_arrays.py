import datetime as dt
import itertools
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre_runtime.scoring import arrays

COUNTS = st.lists(st.integers(1, 4), min_size=2, max_size=6)


@given(COUNTS)
def test_each_request_gets_its_own_rows(counts):
    total = sum(counts)
    matrix = np.arange(total * 2.0).reshape(total, 2)
    starts = np.cumsum([0, *counts])
    wanted = [matrix[begin:end].tolist() for begin, end in itertools.pairwise(starts)]
    assert arrays.parts(matrix, counts) == wanted
    assert arrays.parts(matrix.tolist(), counts) == wanted
    assert [part["a"] for part in arrays.parts({"a": matrix, "b": matrix[:, 0]}, counts)] == wanted
    assert [part[1] for part in arrays.parts([matrix, matrix], counts)] == [
        matrix[begin:end].tolist() for begin, end in itertools.pairwise(starts)
    ]


@given(COUNTS, st.integers(0, 30))
def test_an_output_of_another_length_is_not_by_row(counts, length):
    if length != sum(counts):
        with pytest.raises(arrays.NotByRow):
            arrays.parts(np.zeros(length), counts)


def test_plain_values_can_be_written_as_json():
    value = {
        1: np.float32(1.5),
        "text": np.array(["a", "b"]),
        "bytes": np.array([b"a"]),
        "time": np.array(["2026-01-01"], dtype="datetime64[s]"),
        "day": dt.date(2026, 1, 2),
        "mixed": np.array([1, "a", None, np.int64(3), [np.float64(2)]], dtype=object),
        "frame": pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}),
        "series": pd.Series([1.0, 2.0]),
        "bool": np.bool_(True),
        "other": complex(1, 2),
    }
    plain = arrays.plain(value)
    json.dumps(plain)
    assert plain["1"] == 1.5
    assert plain["text"] == ["a", "b"]
    assert plain["mixed"] == [1, "a", None, 3, [2.0]]
    assert plain["frame"] == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
    assert plain["time"] == ["2026-01-01T00:00:00"]
    assert plain["bytes"] == ["a"]
    assert plain["bool"] is True


@given(st.lists(st.integers(0, 3), min_size=2, max_size=6))
def test_requests_of_one_row_or_none_are_told_apart(counts):
    whole = np.arange(float(sum(counts)))
    starts = np.cumsum([0, *counts])
    wanted = [whole[begin:end].tolist() for begin, end in itertools.pairwise(starts)]
    assert arrays.parts(whole, counts) == wanted


FLOATS = st.floats(allow_nan=False)


@given(st.integers(1, 4).flatmap(lambda width: st.tuples(st.just(width), st.lists(
    st.lists(st.lists(FLOATS, min_size=width, max_size=width), min_size=1, max_size=3), min_size=1, max_size=4))))  # fmt: skip
def test_a_known_width_gives_the_same_table(drawn):
    width, requests = drawn
    told = arrays.table(requests, np.float64, np, width=width)
    assert told.flags.writeable
    assert told.tolist() == arrays.table(requests, np.float64, np).tolist()


def test_a_row_of_another_width_is_named():
    with pytest.raises(ValueError, match="row 1 has 3 values, the model takes 2"):
        arrays.rectangular([[1, 2], [1, 2, 3], [1]], 2, refuse=ValueError)
