"""What a profile is asked."""

import pytest

from zaffre.contracts import profile
from zaffre.core import errors


def test_the_documented_ranges_and_defaults():
    found = profile.Profile.parse({"name": "p", "models": ["churn:1"], "data": "azureml:bodies:1"})
    assert (found.cpu, found.memory_in_gb, found.requests_per_second) == (None, 2.0, None)
    for cpu, memory in ((0.1, 0.1), (3.5, 15.0)):
        profile.Profile.parse({"name": "p", "models": ["a:1"], "cpu": cpu, "memory_in_gb": memory})


@pytest.mark.parametrize(
    "change",
    [
        {"cpu": 0.09}, {"cpu": 3.6}, {"memory_in_gb": 0.05}, {"memory_in_gb": 15.1}, {"name": ""}, {"name": "a/b"},
        {"requests_per_second": 0}, {"latency_ms": -1}, {"cpu": float("nan")}, {"data": "rows!"}, {"models": []},
        {"deployment": {"model": "azureml:a:1"}}, {"unknown": 1}, {"latency_ms": float("inf")},
    ],
)  # fmt: skip
def test_what_is_out_of_range_is_refused(change):
    with pytest.raises(errors.Invalid):
        profile.Profile.parse({"name": "p", "models": ["a:1"], "data": "azureml:b:1", **change})
