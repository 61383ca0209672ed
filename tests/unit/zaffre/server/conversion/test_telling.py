"""How the end of a conversion's job is told."""

import pytest

from zaffre.core import errors
from zaffre.server.compute import jobs
from zaffre.server.conversion import telling


@pytest.mark.parametrize(
    ("status", "kind", "hint"),
    [
        (jobs.JobStatus("j", "timed_out"), errors.TimedOut, "--timeout"),
        (jobs.JobStatus("j", "lost"), errors.Unavailable, "Ask again"),
        (
            jobs.JobStatus("j", "failed", reason="the kernel ended it: it used more memory than its limit"),
            errors.Invalid,
            "conversion_memory_bytes",
        ),
        (jobs.JobStatus("j", "failed", reason="exited with code 1"), errors.Invalid, ""),
    ],
)
def test_each_end_is_an_error_with_what_to_do(status, kind, hint):
    found = telling.ended(status)
    assert type(found) is kind
    assert hint in (found.hint or "")
