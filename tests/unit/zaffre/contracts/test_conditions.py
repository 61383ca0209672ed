"""Conditions and spans of time as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.contracts import conditions
from zaffre.core import errors


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("avg RequestLatency > 500", ("RequestLatency", ">", 500.0, "avg")),
        ("RequestLatency_P95>=1.5", ("RequestLatency_P95", ">=", 1.5, "avg")),
        (" total  Requests == 0 ", ("Requests", "=", 0.0, "total")),
        ("Maximum QueueDepth != 3", ("QueueDepth", "!=", 3.0, "max")),
    ],
)
def test_conditions_of_azure_are_understood(text, meant):
    assert conditions.parse(text) == conditions.Condition(*meant)


@pytest.mark.parametrize(
    "text", ["", "RequestLatency", "> 5", "avg x > y", "mean x > 1", "avg x > 1; drop", "x > 1 and y > 2"]
)
def test_anything_else_is_refused(text):
    with pytest.raises(errors.Invalid):
        conditions.parse(text)


@given(
    st.sampled_from(conditions.AGGREGATIONS),
    st.sampled_from(sorted(conditions.OPERATORS)),
    st.integers(-10_000, 10_000),
)
def test_what_is_written_is_read_again(aggregation, sign, threshold):
    condition = conditions.Condition("RequestLatency", sign, float(threshold), aggregation)
    assert conditions.parse(str(condition)) == condition


@pytest.mark.parametrize(
    ("sign", "value", "holds"),
    [(">", 5, False), (">", 6, True), (">=", 5, True), ("<", 4, True), ("<=", 6, False), ("=", 5, True), ("!=", 5, False)],
)  # fmt: skip
def test_signs_mean_what_they_say(sign, value, holds):
    assert conditions.Condition("x", sign, 5.0).holds(value) is holds


def test_words_of_azure_are_signs_too():
    assert conditions.sign_of("GreaterThanOrEqual") == ">="
    assert conditions.sign_of("less_than") == "<"
    with pytest.raises(errors.Invalid):
        conditions.sign_of("around")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300", 300), ("5m", 300), ("1h30m", 5400), ("PT5M", 300), ("pt1h", 3600), ("P1D", 86_400), ("45s", 45)],
)
def test_spans_of_time(text, seconds):
    assert conditions.seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "P", "PT", "5 minutes", "-5m", "0m", "1e9", "99999999999999999999"])
def test_no_spans_of_time(text):
    with pytest.raises(errors.Invalid):
        conditions.seconds(text)
