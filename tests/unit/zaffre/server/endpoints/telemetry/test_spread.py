"""Quantiles of bucketed times lie in the bucket where the true ones do, over any merging."""

import bisect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.server.endpoints.telemetry import slices, spread

VALUES = st.lists(st.floats(0.01, 200_000), min_size=1, max_size=200)


def bucketed(values, bounds=spread.LATENCY_MS):
    counts = {}
    for value in values:
        place = bisect.bisect_left(bounds, value)
        counts[place] = counts.get(place, 0) + 1
    return counts


@given(VALUES, st.sampled_from([0.5, 0.9, 0.95, 0.99, 1.0]))
def test_a_quantile_is_in_the_bucket_of_the_true_one(values, share):
    found = spread.Spread.of(spread.LATENCY_MS, bucketed(values)).quantile(share)
    ordered = sorted(values)
    rank = max(int(-(-share * len(ordered) // 1)) - 1, 0)  # the smallest that the share lies at or below
    place = bisect.bisect_left(spread.LATENCY_MS, ordered[rank])
    low = spread.LATENCY_MS[place - 1] if place else 0.0
    assert low <= found <= spread.LATENCY_MS[place]


@given(VALUES, VALUES)
def test_the_quantile_of_a_sum_is_that_of_all_values(first, second):
    kinds = [
        slices.Slice(1.0, {f"latency.{k}": n for k, n in bucketed(part).items()}) for part in (first, second)
    ]
    merged = spread.Spread.of(spread.LATENCY_MS, slices.merged(kinds).of("latency"))
    assert merged == spread.Spread.of(spread.LATENCY_MS, bucketed(first + second))


@given(VALUES)
def test_quantiles_rise(values):
    found = spread.Spread.of(spread.LATENCY_MS, bucketed(values))
    quantiles = [found.quantile(share) for share in (0.1, 0.5, 0.9, 0.99)]
    assert quantiles == sorted(quantiles)


def test_nothing_measured_is_nothing_known():
    empty = spread.Spread.of(spread.LATENCY_MS, {})
    assert (empty.quantile(0.5), empty.mean(), empty.count) == (None, None, 0)


def test_buckets_that_do_not_exist_are_left_out():
    assert spread.Spread.of(spread.LATENCY_MS, {999: 3, -1: 2}).count == 0


@given(
    st.lists(st.floats(0.02, 0.9), min_size=1, max_size=50),
    st.lists(st.floats(1.0, 100), max_size=50),
)
def test_the_first_millisecond_is_divided_as_the_replicas_say(quick, slow):
    """The sum stays the router's own, and quick requests are told apart."""
    router = bucketed([*quick, *slow])
    both = spread.latency(router, bucketed([*quick, *slow], spread.TIMES_MS))
    assert both.count == pytest.approx(len(quick) + len(slow))
    assert list(both.bounds) == sorted(both.bounds)
    if not slow:
        assert both.quantile(1.0) <= max(quick) * 1.2
        assert both.quantile(0.01) >= min(quick) / 1.2 - 0.001


def test_without_the_replicas_counts_the_router_alone_speaks():
    assert spread.latency({0: 10.0}, {}).quantile(0.5) == pytest.approx(0.5)
