"""Tables on terminals: nothing wraps, and nothing that somebody needs is left out without a word."""

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from zaffre.cli import tables

WIDE = [
    {"name": f"model-{number}", "version": "1", "description": "so many words " * 9, "type": "custom_model",
     "created_at": "2026-11-20T08:15:30.123456Z", "archived": False, "size": 12, "file_count": 1}
    for number in range(3)
]  # fmt: skip


def test_what_is_too_wide_is_shortened_then_left_out():
    shown, left_out = tables.fitted(WIDE, 80)
    lines = tables.table(shown).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["Name", "Version", "Description", "Type", "Created_at"]
    assert lines[2].split()[-2:] == ["2026-11-20", "08:15:30"]
    assert left_out == ["file_count", "size", "archived"]
    assert tables.fitted(WIDE, 40)[1][-2:] == ["description", "created_at"]


def test_names_and_addresses_stay_whole():
    endpoint = {
        "name": "n" * 30,
        "auth_mode": "key",
        "scoring_uri": "http://h/" + "x" * 60,
        "provisioning_state": "ok",
    }
    shown, left_out = tables.fitted([endpoint], 80)
    assert tables.table(shown).splitlines()[2].split() == ["n" * 30, "ok"]
    assert left_out == ["auth_mode", "scoring_uri"]


def test_what_fits_is_as_it_is():
    rows = [{"name": "a", "version": "1"}, {"name": "b", "stage": "x"}]
    shown, left_out = tables.fitted(rows, 80)
    assert (tables.table(shown), left_out) == (tables.table(rows), [])
    assert tables.fitted([], 80) == ([], [])
    assert tables.fitted("text", 3) == ("text", [])


def test_a_query_keeps_the_columns_that_it_names():
    rows = [OrderedDict(a="x" * 60, b="y" * 60)]
    assert tables.fitted(rows, 80) == (rows, [])


def test_a_token_shows_the_id_that_revoke_asks_for_and_a_model_no_address():
    token = {"id": "0123456789ab", "name": "ci", "created_by": "ann", "revoked_at": None}
    assert tables.table([token]).splitlines()[0].split() == ["Id", "Name", "Revoked_at"]
    model = {"id": "/workspaces/default/models/m/versions/1", "name": "m"}
    assert tables.table([model]).splitlines()[0].split() == ["Name"]


def test_a_line_of_the_trail_begins_with_when_and_who():
    line = {
        "id": "f" * 32,
        "time": "t",
        "actor": "ann",
        "action": "ModelRegistered",
        "workspace": "w",
        "subject": "s",
    }
    assert tables.table([line]).splitlines()[0].split()[:3] == ["Time", "Actor", "Action"]


@given(
    st.lists(st.dictionaries(st.sampled_from("abcdefgh"), st.text(max_size=200)), max_size=4),
    st.integers(20, 200),
)
def test_only_a_single_column_may_be_wider_than_the_terminal(rows, width):
    shown, left_out = tables.fitted(rows, width)
    lines = tables.table(shown).split("\n")
    assert all(len(line) <= width for line in lines) or all(len(row) == 1 for row in shown)
    assert {name for row in rows for name in row} == {*left_out, *(name for row in shown for name in row)}
