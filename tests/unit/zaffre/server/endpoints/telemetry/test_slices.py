"""Counts of sources that restart, and their sums: nothing is lost, nothing is counted twice."""

from hypothesis import given
from hypothesis import strategies as st

from zaffre.server.endpoints.telemetry import slices

NAMES = st.sampled_from(["code.200", "code.500", "latency.3", "scored"])
STEPS = st.dictionaries(NAMES, st.integers(0, 1000))
LIVES = st.lists(st.lists(STEPS, min_size=1, max_size=6), min_size=1, max_size=4)


@given(LIVES, st.data())
def test_growths_add_up_to_all_that_was_counted(lives, data):
    """A source lives several times, counts in each life, and is looked at whenever; each life's last look counts."""
    seen, marks, true = [], None, []
    for number, life in enumerate(lives):
        counts = {}
        for step in life:
            counts = slices.total([counts, step])
            true.append(step)
            if step is life[-1] or data.draw(st.booleans()):
                now = slices.Reading(f"life {number}", counts)
                seen.append(slices.growth(now, marks))
                marks = now
    assert {k: v for k, v in slices.total(seen).items() if v} == {
        k: v for k, v in slices.total(true).items() if v
    }


@given(st.dictionaries(NAMES, st.integers(0, 9)), st.dictionaries(NAMES, st.integers(0, 9)))
def test_a_source_that_lies_never_makes_counts_fall(now, before):
    grown = slices.growth(slices.Reading("a", now), slices.Reading("a", before))
    assert all(count > 0 for count in grown.values())


SLICES = st.builds(
    slices.Slice,
    st.integers(0, 60).map(float),
    STEPS,
    st.dictionaries(st.sampled_from(["queued", "memory_bytes"]), st.integers(0, 50)),
)


@given(st.lists(SLICES, max_size=6), st.integers(0, 6))
def test_it_does_not_matter_how_slices_are_put_together(parts, cut):
    whole = slices.merged(parts)
    halves = slices.merged(parts[:cut]).plus(slices.merged(parts[cut:]))
    assert whole == halves
    assert whole.seconds == sum(part.seconds for part in parts)
    for name, peak in whole.peaks.items():
        assert peak == max(part.peaks.get(name, 0) for part in parts)


def test_histograms_are_read_back_by_bucket():
    made = slices.Slice(1.0, slices.buckets("wait", [0, 4, 0, 2]))
    assert made.of("wait") == {1: 4, 3: 2}
    assert made.of("waiting") == {}
