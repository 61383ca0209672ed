"""Results as text, by az's rules."""

import json
from collections import OrderedDict

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from zaffre.cli import output, tables
from zaffre.core import errors

ROWS = [
    {"name": "a", "version": "1", "tags": {"x": "y"}, "files": [1, 2], "ok": True, "note": None},
    {"name": "b", "version": "2", "tags": {}, "files": [], "ok": False, "note": "two\nlines"},
]


def test_scalars_stand_bare_in_tsv():
    assert output.tsv("text") == "text\n"
    assert output.tsv(True) == "true\n"
    assert output.tsv(3) == "3\n"
    assert output.tsv(["a", "b"]) == "a\nb\n"


def test_columns_of_tsv_are_sorted_unless_a_query_names_them():
    assert output.tsv({"b": 2, "a": 1}) == "1\t2\n"
    assert output.tsv(OrderedDict(b=2, a=1)) == "2\t1\n"


def test_nested_values_in_tsv_leave_a_count_or_nothing():
    assert output.tsv(ROWS[0]) == "2\ta\tNone\tTrue\t\t1\n"


def test_a_query_picks_and_keeps_its_order():
    picked = output.search(ROWS, "[].{version: version, name: name}")
    assert output.tsv(picked) == "1\ta\n2\tb\n"


def test_a_query_that_finds_nothing_prints_nothing(capsys):
    output.emit({"a": 1}, form="tsv", query="absent")
    assert capsys.readouterr().out == ""


def test_a_wrong_query_is_explained():
    with pytest.raises(errors.Invalid, match="--query"):
        output.search({}, "[unclosed")


def test_a_table_shows_the_flat_top_level():
    lines = tables.table(ROWS).splitlines()
    assert lines[0].split() == ["Name", "Version", "Ok", "Note"]
    assert set(lines[1]) == {"-", " "}
    assert lines[3].split() == ["b", "2", "False", "two", "lines"]


def test_a_table_of_scalars_and_lists():
    assert tables.table("x") == "Result\n------\nx\n".replace("------", "-" * 6)
    assert tables.table([["a", 1]]).splitlines()[0].split() == ["Column1", "Column2"]
    assert tables.table([]) == ""


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=10,
)


@given(json_like)
def test_json_comes_back(body):
    assert json.loads(output.render(body, "json")) == body


plain_text = st.text(st.characters(exclude_categories=["C", "Z"]))


@given(st.dictionaries(plain_text, plain_text | st.integers() | st.booleans()))
def test_yaml_comes_back(body):
    assert yaml.safe_load(output.render(body, "yaml")) == body


@given(st.lists(st.lists(plain_text, min_size=1, max_size=4)))
def test_tsv_has_one_line_a_row_and_a_tab_between_cells(rows):
    lines = output.tsv(rows).split("\n")[:-1]
    assert [line.split("\t") for line in lines] == rows


@given(json_like)
def test_every_format_renders_anything(body):
    for form in output.FORMATS:
        output.render(body, form)


def test_colour_leaves_the_text_alone():
    text = output.render(ROWS, "json")
    painted = output.paint(text)
    assert painted != text
    assert painted.replace("\033[34m", "").replace("\033[0m", "") == text
