"""The rule of the recommendation."""

import math

import hypothesis
import pytest
from hypothesis import strategies as st

from zaffre.server.profiling import recommending as rule


def run(cpu, p99=10.0, *, sent=100, wrong=0, memory=1 << 28, problem=""):
    return rule.Run(
        cpu,
        2.0,
        problem,
        latencies_ms=(p99,) * (sent - wrong),
        sent=sent,
        seconds=1.0,
        max_memory_bytes=memory,
    )


def test_sizes_rise_to_the_largest():
    assert rule.sizes(1.0) == [0.1, 0.25, 0.5, 1.0]
    assert rule.sizes(0.3) == [0.1, 0.25, 0.3]
    assert rule.sizes(0.1) == [0.1]


def test_a_percentile_is_the_nearest_rank():
    found = rule.Run(1, 1, latencies_ms=tuple(float(n) for n in range(1, 11)), sent=10)
    assert [found.percentile(share) for share in (50, 90, 99, 99.9)] == [5.0, 9.0, 10.0, 10.0]
    assert math.isinf(rule.Run(1, 1).percentile(50))


@hypothesis.given(st.lists(st.floats(0.01, 1e6), min_size=1, max_size=300))
def test_percentiles_rise_and_are_measured_values(values):
    found = rule.Run(1, 1, latencies_ms=tuple(values), sent=len(values))
    ranked = [found.percentile(share) for share in (50, 90, 95, 99, 99.9)]
    assert ranked == sorted(ranked)
    assert set(ranked) <= set(values)


def test_the_smallest_size_whose_p99_is_as_good_as_the_next_ones():
    runs = [run(0.1, 100), run(0.25, 30), run(0.5, 29)]
    assert rule.decided(runs[:2], latency_ms=None, complete=False) is None
    assert rule.decided(runs, latency_ms=None, complete=False).cpu == 0.25


def test_the_largest_is_taken_when_every_step_helps():
    runs = [run(0.1, 400), run(0.25, 100), run(0.5, 30)]
    assert rule.decided(runs, latency_ms=None, complete=False) is None
    assert rule.decided(runs, latency_ms=None, complete=True).cpu == 0.5


def test_a_target_decides_at_once():
    runs = [run(0.1, 400), run(0.25, 100)]
    assert rule.decided(runs, latency_ms=120, complete=False).cpu == 0.25
    assert rule.decided(runs, latency_ms=50, complete=True) is None


@pytest.mark.parametrize("bad", [run(0.1, wrong=1), run(0.1, problem="not ready within 30 s")])
def test_a_size_that_fails_a_request_or_does_not_start_is_never_enough(bad):
    assert rule.decided([bad, run(0.25)], latency_ms=None, complete=True).cpu == 0.25
    assert rule.decided([bad], latency_ms=None, complete=True) is None


def test_memory_has_a_fifth_to_spare_and_is_rounded_up():
    assert rule.memory_in_gb([run(1, memory=rule.GB)]) == 1.2
    assert rule.memory_in_gb([run(1, memory=int(1.01 * rule.GB)), run(2, memory=1)]) == 1.3
    assert rule.memory_in_gb([]) == 0.1


def test_the_usual_rate_is_half_of_one_client_and_bounded():
    assert rule.rate(20.0) == 25.0
    assert rule.rate(0.1) == 100.0
    assert rule.rate(1e6) == 0.5
