"""A watcher hears every line once, from its cursor on; a cursor that no server gave is refused."""

import base64
import contextlib
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.core import errors
from zaffre.server.endpoints.online import following, logs

SOURCES = logs.Sources(("r1",), ())


class Output:
    """Stands for runner and preparations, so that lines appear exactly when a test wants them."""

    def __init__(self):
        self.build, self.instances = [], {}

    def said(self, set_id):
        return list(self.build)

    def list(self):
        return [*self.instances, "router"]

    def logs_since(self, service_id, position):
        lines = self.instances[service_id]
        if lines is None:
            raise errors.NotFound("It is gone.")
        return "".join(f"{line}\n" for line in lines[position[1] :]), (0, len(lines))

    def log_end(self, service_id):
        return (0, len(self.instances[service_id]))


@pytest.fixture
def output():
    return Output()


@pytest.fixture
def look(output):
    means = following.Means(runner=output, preparations=output)
    state = types.SimpleNamespace(cursor="")

    def ask(*, instances=True):
        found = following.news(means, SOURCES, state.cursor, instances=instances)
        state.cursor = found.cursor
        return [(line.source, line.text) for line in found.lines]

    ask.skip = lambda: setattr(state, "cursor", following.end(means, SOURCES))
    return ask


def test_every_line_is_told_once(output, look):
    assert look() == []
    output.build += ["solving", "installing"]
    assert look() == [("environment", "solving"), ("environment", "installing")]
    output.instances = {"r1.0.0": ["up"], "r1.0.1": ["up too"], "r2.0.0": ["another set"]}
    assert look() == [("instance 0", "up"), ("instance 0 worker 1", "up too")]
    output.instances["r1.0.0"].append("more")
    assert look() == [("instance 0", "more")]
    assert look() == []


def test_who_comes_late_hears_what_comes_after(output, look):
    output.build, output.instances = ["old"], {"r1.0.0": ["old"]}
    look.skip()
    output.build.append("new")
    assert look() == [("environment", "new")]


def test_instances_are_left_out_on_request_and_ended_ones_are_no_error(output, look):
    output.instances = {"r1.0.0": ["up"]}
    assert look(instances=False) == []
    output.instances = {"r1.0.0": None}
    assert look() == []


def test_a_build_that_begins_anew_is_told_from_its_first_line(output, look):
    output.build = ["one", "two", "three"]
    look()
    output.build = ["again"]
    assert look() == [("environment", "again")]


@given(st.dictionaries(st.text(), st.tuples(st.integers(0, 2**59), st.integers(0, 2**59)), max_size=20))
def test_a_cursor_comes_back_as_it_was(positions):
    assert following.parse(following.text_of(positions)) == positions


def encoded(text):
    return base64.urlsafe_b64encode(text.encode()).decode()


@given(st.text(min_size=1) | st.text(min_size=1).map(encoded))
def test_any_text_is_a_cursor_or_refused(text):
    with contextlib.suppress(errors.Invalid):  # any other error fails the test
        assert all(len(place) == 2 for place in following.parse(text).values())


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "1",
        '{"a": 1}',
        '{"a": [1]}',
        '{"a": [-1, 0]}',
        '{"a": [1e400, 0]}',
        "[" * 9000,
        '{"a": [1' + "0" * 80 + ", 0]}",
    ],
)
def test_cursors_of_strangers_are_refused(body):
    with pytest.raises(errors.Invalid):
        following.parse(encoded(body))
