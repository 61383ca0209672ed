import contextlib
import json
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre_runtime.scoring import errors, payloads
from zaffre_runtime.scoring.loaders import frames

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@given(VALUES)
def test_json_is_read_as_python_reads_it(value):
    text = json.dumps(value)
    assert payloads.from_json(text.encode()) == json.loads(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_400(body):
    with contextlib.suppress(errors.Refused):
        payloads.from_json(body)


def test_what_is_no_json_is_a_400():
    with pytest.raises(errors.Refused) as refusal:
        payloads.from_json(b"{")
    assert refusal.value.status == 400


@given(st.integers(1, 200_000), st.sampled_from(["[", '{"a":', "[[", '{"data":[']))
def test_depth_never_crashes(depth, piece):
    for read in (payloads.from_json, frames.table):
        with pytest.raises(errors.Refused):
            read((piece * depth).encode())
    assert frames.numbers((piece * depth).encode()) is None


def test_pythons_own_numbers():
    value = payloads.from_json(b"[NaN, Infinity, -Infinity]")
    assert value[0] != value[0]
    assert value[1:] == [float("inf"), float("-inf")]


@given(st.dictionaries(st.text(min_size=1), st.lists(VALUES, min_size=1, max_size=3), max_size=4))
def test_query_values_are_json_and_repeated_names_lists(wanted):
    pairs = [(name, json.dumps(value)) for name, values in wanted.items() for value in values]
    found = payloads.from_query(urllib.parse.urlencode(pairs))
    assert found == {name: values[0] if len(values) == 1 else values for name, values in wanted.items()}


@given(st.text(max_size=100))
def test_any_query_makes_json(query):
    json.dumps(payloads.from_query(query))


def test_query_of_plain_words():
    assert payloads.from_query("a=1&b=%5B1,2%5D&c=a&d=null&c=b&e=&f=a%20b") == {
        "a": 1, "b": [1, 2], "c": ["a", "b"], "d": None, "e": "", "f": "a b",
    }  # fmt: skip


@given(
    st.lists(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=4), max_size=4),
    st.booleans(),
)
def test_rows_of_numbers_take_the_short_way(rows, wrapped):
    body = json.dumps({"input_data": {"data": rows}} if wrapped else {"data": rows}).encode()
    found = frames.numbers(body)
    assert found is not None
    assert (found.input_data.data if wrapped else found.data) == rows


@pytest.mark.parametrize(
    "body",
    [
        '{"data": [["1"]]}', '{"data": [[null]]}', '{"data": [[NaN]]}', '{"data": [[1e999]]}', '{"data": [[true]]}',
        '{"data": [[1]], "input_data": [[1]]}', "{}", '{"data": [[1]], "more": 1}', '{"data": [1]}', "[[1]]",
        '{"input_data": {"columns": ["a", "a"], "data": [[1, 2]]}}',
    ],
)  # fmt: skip
def test_everything_else_takes_the_long_way(body):
    assert frames.numbers(body.encode()) is None


def test_table_keeps_columns_and_body():
    found = frames.table(
        b'{"input_data": {"columns": ["a"], "index": [0], "data": [["x"]]}, "params": {"k": 1}}'
    )
    assert (found.data, found.columns, found.body["params"]) == ([["x"]], ["a"], {"k": 1})
    assert frames.table(b'{"input_data": {"a": [1], "b": [2]}}').data == {"a": [1], "b": [2]}
