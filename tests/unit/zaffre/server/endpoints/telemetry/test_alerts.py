"""What rules compare, over the slices of a window."""

import pytest

from zaffre.contracts import alerts as contract
from zaffre.core import errors
from zaffre.server.endpoints.online import settings
from zaffre.server.endpoints.telemetry import alerts, slices

WINDOW = [
    slices.Slice(10.0, {"code.200": 8, "code.500": 2, "latency.5": 10}, {"in_flight": 3}),
    slices.Slice(10.0, {"code.200": 10, "latency.1": 10}, {"in_flight": 7}),
]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("total Requests > 0", 20),
        ("FailedRequests > 0", 2),
        ("avg ErrorPercentage > 5", 10.0),
        ("max ErrorPercentage > 5", 20.0),
        ("min ErrorPercentage > 5", 0.0),
        ("RequestsPerMinute > 1", 60.0),
        ("InFlight > 1", 7),
        ("Restarts > 0", 0),
    ],
)
def test_figures_of_a_window(text, value):
    condition = contract.AlertRule(name="x", condition=text).parsed()
    assert alerts.value(condition, WINDOW) == pytest.approx(value)


def test_nothing_seen_is_no_value():
    for metric in contract.METRICS:
        assert alerts.value(contract.AlertRule(name="x", condition=f"{metric} > 1").parsed(), []) is None


def test_a_window_without_requests_has_no_latency():
    condition = contract.AlertRule(name="x", condition="RequestLatency_P95 < 9").parsed()
    assert alerts.value(condition, [slices.Slice(10.0)]) is None


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "either condition"),
        ({"condition": "Requests > 1", "metric": "Requests"}, "either condition"),
        ({"metric": "Requests", "operator": ">"}, "belong together"),
        ({"condition": "Speed > 1"}, "no metric 'Speed'"),
        ({"condition": "Requests is large"}, "not a condition"),
        ({"condition": "Requests > 1", "window_size": "2s"}, "from 10 seconds"),
        ({"condition": "Requests > 1", "severity": 9}, "severity"),
        ({"metric": "Requests", "operator": "near", "threshold": 1}, "no operator"),
    ],
)
def test_rules_that_mean_nothing_are_refused(fields, said):
    with pytest.raises(errors.Invalid) as found:
        contract.AlertRule(name="x", **fields)
    assert said in str(found.value)


def test_a_rule_in_parts_is_the_rule_in_words():
    parts = contract.AlertRule(
        name="x", metric="errorpercentage", operator="GreaterThan", threshold=5, time_aggregation="Maximum"
    )
    assert str(parts.parsed()) == "max ErrorPercentage > 5"


def test_changing_rules_needs_no_new_process():
    plain = {"name": "blue", "zaffre": {}}
    ruled = {"name": "blue", "zaffre": {"alerts": [{"name": "x", "condition": "Requests > 1"}]}}
    assert settings.process_digest(plain, {}) == settings.process_digest(ruled, {})
    assert settings.digest(plain, {}) != settings.digest(ruled, {})
