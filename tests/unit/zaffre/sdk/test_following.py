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
    """Answers with the given batches of lines, then with none."""

    def __init__(self, *batches):
        self._batches = list(batches)

    def get(self, path, **asked):
        if "from_now" in asked:
            return {"cursor": ""}
        lines = self._batches.pop(0) if self._batches else []
        if lines is None:
            raise errors.NotFound("gone")
        return {"cursor": "c", "lines": [{"source": "instance 1", "text": text} for text in lines]}


def told(*batches, instances=True, last=FAILED):
    output = following.Output(Wire(*batches), "path", instances=instances)
    looks = [*({"state": "Running"} for _ in batches[1:]), last]
    return [line["text"] for look in looks for line in output.news(look)]


@pytest.mark.parametrize(
    "batches", [(["loading"], []), (["loading", "ValueError: no factor"], []), ([], []), (["loading"], None)]
)
def test_the_last_lines_of_what_failed_are_told_once_whenever_it_was_removed(batches):
    assert told(*batches) == ["loading", "ValueError: no factor"]


def test_they_name_the_instance_that_the_error_names():
    (line, _) = following.Output(Wire(), "path", instances=True).news(FAILED)
    assert line == {"source": "instance 1", "text": "loading"}


def test_nothing_is_added_to_what_succeeds_or_where_only_the_build_is_asked_for():
    assert told(["loading"], last={"state": "Succeeded"}) == ["loading"]
    assert told(["loading"], instances=False) == ["loading"]
    assert told(["loading"], last={"state": "Failed", "error": {"detail": "No such environment."}}) == [
        "loading"
    ]
