"""`--set`, `--add` and `--remove` change a copy, by az's grammar of paths."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.cli import patches
from zaffre.core import errors

BODY = {
    "instance_count": 1,
    "tags": {"team": "a"},
    "rules": [{"name": "x", "weight": 1}, {"name": "y", "weight": 2}],
}


@pytest.mark.parametrize(
    ("expression", "path", "value"),
    [
        ("instance_count=2", ["instance_count"], 2),
        ("tags.team=b", ["tags", "team"], "b"),
        ("tags.new=c=d", ["tags", "new"], "c=d"),
        ('tags."a.b"=c', ["tags", "a.b"], "c"),
        ("rules[0].weight=5", ["rules", 0, "weight"], 5),
        ("rules.0.weight=5", ["rules", 0, "weight"], 5),
        ("rules.1.name=z", ["rules", 1, "name"], "z"),
        ("rules[name=y].weight=7", ["rules", 1, "weight"], 7),
        ("probe.period=3", ["probe", "period"], 3),
        ('tags={"q": "r"}', ["tags", "q"], "r"),
        ("flag=True", ["flag"], True),
        ("flag=true", ["flag"], True),
        ("text=", ["text"], ""),
    ],
)
def test_set(expression, path, value):
    here = patches.apply(BODY, set_=[expression])
    for step in path:
        here = here[step]
    assert here == value
    assert BODY["instance_count"] == 1
    assert BODY["tags"] == {"team": "a"}


def test_force_string_keeps_text():
    assert patches.apply(BODY, set_=["instance_count=2"], force_string=True)["instance_count"] == "2"


def test_add_to_a_list_and_to_a_mapping():
    changed = patches.apply(
        BODY, add=[["rules", "name=z", "weight=3"], ["tags", "x=y"], ["fresh", "one", "two"]]
    )
    assert changed["rules"][2] == {"name": "z", "weight": 3}
    assert changed["tags"] == {"team": "a", "x": "y"}
    assert changed["fresh"] == ["one", "two"]


def test_remove_a_key_and_an_item():
    changed = patches.apply(BODY, remove=[["tags.team"], ["rules", "0"]])
    assert changed["tags"] == {}
    assert [rule["name"] for rule in changed["rules"]] == ["y"]


@pytest.mark.parametrize(
    "change",
    [
        {"set_": ["no equals sign"]},
        {"set_": ["instance_count.deeper=1"]},
        {"set_": ["rules[9].weight=1"]},
        {"set_": ["rules[name=none].weight=1"]},
        {"set_": ["a..b=1"]},
        {"set_": ["=1"]},
        {"remove": [["tags.absent"]]},
        {"remove": [["rules", "9"]]},
        {"add": [["tags"]]},
        {"add": [["instance_count", "x"]]},
    ],
)
def test_changes_without_sense_are_refused(change):
    with pytest.raises(errors.Invalid):
        patches.apply(BODY, **change)


keys = st.text(st.characters(exclude_characters='"', exclude_categories=["Cs"]), min_size=1)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
    max_leaves=8,
)


@given(keys, values)
def test_any_key_in_quotes_takes_any_json(key, value):
    assert patches.apply({}, set_=[f'top."{key}"={json.dumps(value)}']) == {"top": {key: value}}


@given(keys, st.text(st.characters(exclude_categories=["Cs"])))
def test_forced_text_arrives_unchanged(key, text):
    assert patches.apply({}, set_=[f'"{key}"={text}'], force_string=True) == {key: text}


@given(st.text())
def test_no_text_breaks_the_reader_of_paths(text):
    try:
        patches.apply({"a": [1]}, set_=[text])
    except errors.Invalid:
        return
