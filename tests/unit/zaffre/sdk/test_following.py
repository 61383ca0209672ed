"""Whoever waits for a deployment hears its output to the end, also when the process is removed before the last look."""

import pytest

from zaffre.core import errors
from zaffre.sdk import following

FAILED = {
    "state": "Failed",
    "error": {
        "detail": "churn/deployments/blue failed. Instance 1 did not become ready.",
        "fields": {"last_log_lines": ["loading", "ValueError: no factor"]},
    },
}


class Wire:
    """Answers with the given batches of lines, then with none; the operation runs until the last of them."""

    def __init__(self, *batches, last=FAILED):
        self._batches = list(batches)
        self._last = last
        self.asked = []

    def get(self, path, **asked):
        self.asked.append(path)
        if "from_now" in asked:
            return {"cursor": ""}
        if path == "operations/o1":
            return {**self._last}
        lines = self._batches.pop(0) if self._batches else []
        if lines is None:
            raise errors.NotFound("gone")
        operation = {"state": "Running"} if self._batches else {**self._last}
        lines = [{"source": "instance 1", "text": text} for text in lines]
        return {"cursor": "c", "lines": lines, "operation": operation}


def output(wire, instances=True):
    return following.Output(wire, "news", operations="operations", instances=instances)


def told(*batches, instances=True, last=FAILED):
    found = output(Wire(*batches, last=last), instances)
    return [line["text"] for _ in range(max(len(batches), 1)) for line in found.look_at("o1")["lines"]]


@pytest.mark.parametrize(
    "batches", [(["loading"], []), (["loading", "ValueError: no factor"], []), ([], []), (["loading"], None)]
)
def test_the_last_lines_of_what_failed_are_told_once_whenever_it_was_removed(batches):
    assert told(*batches) == ["loading", "ValueError: no factor"]


def test_they_name_the_instance_that_the_error_names():
    (line, _) = output(Wire()).look_at("o1")["lines"]
    assert line == {"source": "instance 1", "text": "loading"}


def test_a_look_is_one_request():
    wire = Wire(["loading"], ["ready"], last={"state": "Succeeded"})
    found = output(wire)
    assert [found.look_at("o1")["state"] for _ in range(2)] == ["Running", "Succeeded"]
    assert wire.asked == ["news", "news", "news"]  # the first learns from where on to listen


def test_the_message_of_a_build_is_told_without_the_line_that_is_told_beside_it():
    message = "Preparing the environment: installing numpy"
    found = output(Wire([], last={"state": "Running", "progress": {"fraction": 0.1, "message": message}}))
    assert found.look_at("o1")["progress"] == {"fraction": 0.1, "message": "Preparing the environment"}


def test_nothing_is_added_to_what_succeeds_or_where_only_the_build_is_asked_for():
    assert told(["loading"], last={"state": "Succeeded"}) == ["loading"]
    assert told(["loading"], instances=False) == ["loading"]
    assert told(["loading"], last={"state": "Failed", "error": {"detail": "No such environment."}}) == [
        "loading"
    ]
