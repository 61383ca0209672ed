"""Reading the router's counters: what its text means, and what a span of time added."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from zaffre.server.endpoints.router import stats

TEXT = """\
cluster.r00.membership_healthy: 2
cluster.r00.upstream_rq_200: 7
cluster.r00.upstream_rq_503: 1
cluster.r00.upstream_rq_active: 3
cluster.r00.upstream_rq_active_overflow: 2
cluster.r00.upstream_rq_pending_active: 1
cluster.r00.upstream_rq_pending_overflow: 1
cluster.r00.upstream_rq_total: 9
cluster.r00.upstream_rq_completed: 8
http.scoring.downstream_rq_total: 12
http.scoring.downstream_rq_4xx: 4
cluster.r00.upstream_rq_time: B1(0,2) B2.5(1,6) B1e+03(1,8)
cluster.r01.upstream_rq_time: No recorded values
something else
"""


def test_text():
    reading = stats.parse(TEXT)
    cluster = reading.clusters["r00"]
    assert (cluster.in_flight, cluster.refused, cluster.healthy_hosts) == (4, 3, 2)
    assert cluster.codes == {200: 7, 503: 1}
    assert cluster.latency_ms == stats.Histogram((1.0, 2.5, 1000.0), (2, 6, 8))
    assert (reading.requests, reading.classes) == (12, {4: 4})


def test_a_span_and_a_new_router():
    before = stats.parse(TEXT).clusters["r00"]
    after = dataclasses.replace(
        before,
        total=12,
        completed=11,
        codes={200: 10, 503: 1},
        latency_ms=stats.Histogram((1.0, 2.5, 1000.0), (3, 7, 11)),
    )
    span = after.since(before)
    assert (span.completed, span.codes, span.active) == (3, {200: 3}, 3)
    assert span.latency_ms.counts == (1, 1, 3)

    fresh = stats.Cluster(total=1, completed=1, codes={200: 1})
    assert fresh.since(before) == fresh


counts = st.lists(st.integers(0, 50), min_size=4, max_size=4)


def histogram(each):
    total, cumulative = 0, []
    for count in each:
        total += count
        cumulative.append(total)
    return stats.Histogram((1.0, 10.0, 100.0, 1000.0), tuple(cumulative))


shares = st.integers(0, 1000).map(lambda whole: whole / 1000)


@given(counts, shares, shares)
def test_quantiles_lie_in_their_bucket_and_rise(each, one, two):
    found = histogram(each)
    low, high = (found.quantile(share) for share in sorted((one, two)))
    if not found.count:
        assert low is high is None
        return
    assert 0 <= low <= high <= 1000
    bucket = next(i for i, bound in enumerate(found.bounds) if high <= bound)
    assert found.counts[bucket] >= max(one, two) * found.count
    assert 0 < found.mean() < 1000


@given(counts, counts)
def test_adding_and_taking_away_are_opposites(one, two):
    first, second = histogram(one), histogram(two)
    assert first.plus(second).since(first) == second
