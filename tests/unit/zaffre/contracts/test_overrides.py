"""`--set`."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.contracts import overrides
from zaffre.core import errors

START = {"a": {"b": 1}, "ref": "azureml:m:1", "list": [{"x": 1}, {"x": 2}], "none": None, "number": 3}


def laid(*given: overrides.Override) -> dict[str, object]:
    data = copy.deepcopy(START)
    overrides.apply(data, overrides.parse(given))
    return data


def test_values_are_laid_over_the_document_in_order() -> None:
    assert laid("a.b=2", {"a.c": 5}, "new.deep.er=x", "a.b=3")["a"] == {"b": "3", "c": 5}
    assert laid("new.deep.er=x")["new"] == {"deep": {"er": "x"}}
    assert laid("none.x=1")["none"] == {"x": "1"}


def test_text_stays_text_and_json_is_read() -> None:
    assert laid("version=1.10")["version"] == "1.10"
    assert laid("tags=" + '{"a": 1}')["tags"] == {"a": 1}
    assert laid("x=[1, 2]")["x"] == [1, 2]
    assert laid("x=[not json")["x"] == "[not json"
    assert laid("x=a=b")["x"] == "a=b"


def test_lists_are_reached_both_ways() -> None:
    assert laid("list[1].x=9")["list"] == [{"x": 1}, {"x": "9"}]
    assert laid("list.0.x=9")["list"] == [{"x": "9"}, {"x": 2}]
    assert laid("list[2]=9")["list"] == [{"x": 1}, {"x": 2}, "9"]
    assert laid("fresh[0].x=1")["fresh"] == [{"x": "1"}]


def test_a_dot_in_a_key_is_escaped() -> None:
    assert laid(r"a.x\.y=1")["a"] == {"b": 1, "x.y": "1"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("ref.path=x", "is the reference 'azureml:m:1'"),
        ("number.x=1", "is a single value"),
        ("list.x=1", "a list has no key 'x'"),
        ("list[9]=1", "too far"),
        ("nothing", "sets nothing"),
        ("=x", "sets nothing"),
        ("a..b=1", "not a place"),
        ("a[x]=1", "not a place"),
        ("a[0=1", "not a place"),
    ],
)
def test_what_cannot_be_set_is_refused(given: str, words: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        laid(given)
    assert words in str(caught.value)


@given(st.text(min_size=1), st.text())
def test_any_text_is_set_or_refused(key: str, value: str) -> None:
    try:
        data = laid(f"{key}={value}")
    except errors.Invalid:
        return
    assert data != START or value in ("azureml:m:1", "3")
