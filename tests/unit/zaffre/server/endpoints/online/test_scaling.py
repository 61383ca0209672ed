"""How many instances: the formula, windows and rules, over loads that hypothesis thinks up."""

import datetime as dt
import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.contracts import online_deployment, recurring, scaling_rules
from zaffre.server.endpoints.online.scaling import history, policy, verdict
from zaffre.server.endpoints.router import stats

NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)  # a Friday


def deployment(**fields):
    plain = {
        "name": "blue",
        "endpoint_name": "churn",
        "model": "azureml:m:1",
        "instance_type": "Standard_F2s",
    }
    return online_deployment.ManagedOnlineDeployment(**{**plain, **fields})


def by_target(low=1, high=10, percentage=70, concurrency=1, **extension):
    return policy.of(
        deployment(
            scale_settings={
                "type": "target_utilization",
                "min_instances": low,
                "max_instances": high,
                "target_utilization_percentage": percentage,
            },
            request_settings={"max_concurrent_requests_per_instance": concurrency},
            zaffre={"autoscale": extension},
        )
    )


def by_rules(*rules, low=1, high=10, **extension):
    given = [{"condition": condition, "scale": scale, "cooldown": rest} for condition, scale, rest in rules]
    return policy.of(
        deployment(zaffre={"autoscale": {"min_count": low, "max_count": high, "rules": given, **extension}})
    )


class Trial:
    """A deployment that has at once what is decided, looked at once a second."""

    def __init__(self, asked, count=1):
        self.asked, self.count, self.now, self.rested_s = asked, count, 0.0, 1e9
        self.seen = history.History(asked.longest_s + asked.poll_s, asked.poll_s)
        self.counts = [count]

    def look(self, seconds=1.0, **sample):
        self.now += seconds
        self.rested_s += seconds
        self.seen.add(history.Sample(self.now, **sample))
        decided = self.decide()
        if decided.count != self.count:
            assert decided.why
            self.count, self.rested_s = decided.count, 0.0
        self.counts.append(self.count)
        return decided

    def decide(self, **more):
        bounds = self.asked.at(NOON)
        return verdict.decide(self.asked, bounds, self.seen, count=self.count, rested_s=self.rested_s, **more)


def test_the_documented_formula():
    # 20 requests a second of 10 s each, 70 %, one at a time
    assert verdict.needed(200, 0.7, 1) == 286
    assert verdict.needed(0, 0.7, 1) == 0
    assert verdict.needed(7, 0.7, 1) == 10  # and not 11 for want of exact fractions
    assert verdict.needed(10, 0.5, 4) == 5


@given(st.lists(st.integers(0, 60), max_size=200), st.integers(1, 3), st.integers(0, 9), st.integers(1, 8))
def test_never_outside_the_bounds_and_out_at_once(loads, low, more, concurrency):
    trial = Trial(by_target(low, low + more, concurrency=concurrency), low)
    for load in loads:
        trial.look(in_flight=load)
        assert low <= trial.count <= low + more
        assert trial.count >= min(verdict.needed(load, 0.7, concurrency), low + more)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=300))
def test_in_only_to_what_a_whole_calm_minute_never_exceeded(loads):
    trial = Trial(by_target(1, 40))
    for at, load in enumerate(loads):
        before = trial.count
        trial.look(in_flight=load)
        if trial.count < before:
            assert at + 1 >= 60
            lately = loads[max(0, at - 59) : at + 1]
            assert trial.count == max(1, *(verdict.needed(item, 0.7, 1) for item in lately))


@given(st.integers(0, 20), st.integers(1, 10))
def test_a_steady_load_changes_the_number_in_one_direction_once(load, start):
    trial = Trial(by_target(1, 40), start)
    for _ in range(200):
        trial.look(in_flight=load)
    changes = [(one, two) for one, two in itertools.pairwise(trial.counts) if one != two]
    assert len(changes) <= 1
    assert trial.count == max(1, verdict.needed(load, 0.7, 1))


def test_a_new_server_scales_out_at_once_and_in_only_when_it_has_seen_a_calm_minute():
    trial = Trial(by_target(1, 5), count=3)
    for _ in range(55):
        assert trial.look(in_flight=0).count == 3
    assert trial.look(in_flight=4).count == 5
    trial = Trial(by_target(1, 5), count=3)
    for _ in range(62):
        trial.look(in_flight=0)
    assert trial.count == 1


def test_a_gap_in_the_measurements_is_no_calm():
    trial = Trial(by_target(1, 5), count=3)
    for _ in range(40):
        trial.look(in_flight=0)
    assert trial.look(seconds=40, in_flight=0).count == 3
    for _ in range(58):
        assert trial.look(in_flight=0).count == 3


def test_to_zero_after_quiet_and_back():
    trial = Trial(by_target(2, 5, scale_to_zero_after="10s"), count=2)
    trial.look(requests=1)
    for _ in range(10):
        assert trial.look().count == 2
    trial.look()
    assert (trial.count, trial.look().why) == (0, "")
    assert trial.decide(woken=True) == verdict.Verdict(2, "a request came")
    assert trial.look(in_flight=1).count == 2

    never = Trial(by_target(1, 5))
    for _ in range(500):
        never.look()
    assert never.count == 1


CPU_OUT = ("CpuPercentage > 70 avg 1m", "out 2", "2m")
CPU_IN = ("CpuPercentage < 30 avg 1m", "in 1", "5m")


def test_rules_wait_for_their_window_and_rest_for_their_cooldown():
    trial = Trial(by_rules(CPU_OUT, CPU_IN))
    for _ in range(59):
        assert trial.look(cpu=90.0).count == 1
    trial.look(cpu=90.0)
    trial.look(cpu=90.0)
    assert trial.count == 3
    for _ in range(118):
        assert trial.look(cpu=90.0).count == 3
    for _ in range(3):
        trial.look(cpu=90.0)
    assert trial.count == 5


def test_one_rule_is_enough_for_out_and_all_are_needed_for_in():
    rules = (
        ("RequestsPerMinute > 600 avg 1m", "out 1", "1m"),
        ("CpuPercentage < 30 avg 1m", "in 1", "1m"),
        ("RequestLatency < 50 avg 1m", "in 2", "1m"),
    )
    fast = stats.Histogram((10.0, 100.0), (5, 5))
    slow = stats.Histogram((10.0, 100.0), (0, 5))
    trial = Trial(by_rules(*rules), count=5)
    for _ in range(100):
        trial.look(cpu=10.0, requests=5, latency_ms=slow)
    assert trial.count == 5
    for _ in range(70):
        trial.look(cpu=50.0, requests=20, latency_ms=slow)
    assert trial.count == 6
    for _ in range(80):
        trial.look(cpu=10.0, requests=5, latency_ms=fast)
    assert (max(trial.counts), trial.count) == (7, 6)  # out once more while the window remembers, then in


@given(st.floats(0, 1000), st.integers(1, 10), st.integers(1, 4), st.integers(1, 4))
def test_a_steady_load_never_makes_rules_flap(load, start, out, back):
    """`load` is in per cent of one instance, and is shared evenly by those there are."""
    rules = (
        ("CpuPercentage > 70 avg 10s", f"out {out}", "1s"),
        ("CpuPercentage < 40 avg 10s", f"in {back}", "1s"),
    )
    trial = Trial(by_rules(*rules), start)
    for _ in range(400):
        trial.look(cpu=min(load / trial.count, 100.0))
    assert len(set(trial.counts[-100:])) == 1
    directions = [two > one for one, two in itertools.pairwise(trial.counts) if one != two]
    assert len([1 for one, two in itertools.pairwise(directions) if one != two]) <= 1


@given(
    st.lists(st.tuples(st.floats(0, 100), st.integers(0, 100)), max_size=150),
    st.integers(1, 5),
    st.integers(0, 5),
)
def test_rules_never_leave_the_bounds(looks, low, more):
    rules = (
        ("cpu utilization > 50 avg 2s", "out 50%", "1s"),
        ("RequestsPerMinute > 50 max 3s", "to 9", "1s"),
        ("cpu utilization < 30 max 2s", "in 3", "1s"),
    )
    trial = Trial(by_rules(*rules, low=low, high=low + more), low)
    for cpu, requests in looks:
        trial.look(cpu=cpu, requests=requests)
        assert low <= trial.count <= low + more


def test_what_conditions_read():
    seen = history.History(60, 1)
    for second in range(12):
        latency = (
            stats.Histogram((10.0, 100.0), (8, 10)) if second % 2 else stats.Histogram((10.0, 100.0), (0, 0))
        )
        seen.add(
            history.Sample(
                float(second), requests=10 if second % 2 else 0, cpu=float(second), latency_ms=latency
            )
        )

    def value(text):
        return seen.value(scaling_rules.condition(text))

    assert value("RequestsPerMinute > 1 avg 10s") == 300
    assert value("RequestsPerMinute > 1 total 10s") == 50
    assert value("CpuPercentage > 1 avg 10s") == pytest.approx(6.5)
    assert (value("CpuPercentage > 1 min 10s"), value("CpuPercentage > 1 max 10s")) == (2, 11)
    assert value("RequestLatency > 1 avg 10s") == pytest.approx(0.8 * 5 + 0.2 * 55)
    assert 10 < value("RequestLatency_P90 > 1 avg 10s") < 100
    assert value("CpuPercentage > 1 avg 1m") is None
    assert value("MemoryPercentage > 1 avg 10s") is None


@pytest.mark.parametrize(
    ("where", "per_minute"),
    [
        ("statusCode == 200", 6 * 10),
        ("statusCode == 200 or 429", 6 * 13),
        ("statusCodeClass == 2xx", 6 * 10),
        ("statusCodeClass != 2xx", 6 * 5),
        ("StatusCodeClass == 4XX, 5xx", 6 * 5),
        ("statusCodeClass == 4xx and statusCode != 429", 0),
        ("deployment == blue", 6 * 15),
        ("deployment == green", 6 * 40),
        ("deployment == blue or green and statusCodeClass == 2xx", 6 * 50),
        ("deployment != blue and statusCode excludes 500", 6 * 40),
        ("endpoint == churn", 6 * 7),
    ],
)
def test_requests_are_counted_by_code_and_by_deployment(where, per_minute):
    answers = {("blue", 200): 10, ("blue", 429): 3, ("blue", 503): 2, ("green", 200): 40}
    seen = history.History(60, 1)
    seen.add(history.Sample(0.0))
    for second in range(1, 11):
        found = answers if second == 5 else {}
        requests = 7 if second == 5 else 0  # what its own replicas have answered
        seen.add(history.Sample(float(second), requests=requests, deployment="blue", answers=found))

    def value(aggregation):
        return seen.value(scaling_rules.condition(f"RequestsPerMinute > 1 {aggregation} 10s where {where}"))

    assert (value("avg"), value("total"), value("max")) == (per_minute, per_minute / 6, per_minute / 6)


# --- profiles ---

zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Sydney", "Asia/Kolkata", "Pacific Standard Time"]
)
moments = st.integers(0, 2 * 365 * 24 * 60).map(
    lambda after: dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=after)
)
clocks = st.integers(0, 24 * 60 - 1).map(lambda at: f"{at // 60:02}:{at % 60:02}")
days = st.lists(st.sampled_from(recurring.DAYS), min_size=1, unique=True)


@given(zones, days, clocks, clocks, moments)
def test_a_profile_holds_by_the_clocks_of_its_zone_also_when_they_change(zone, on, start, end, moment):
    if start == end:
        return
    recurrence = recurring.Recurrence(timezone=zone, days=on, start=start, end=end)
    local = moment.astimezone(recurrence.zone())
    shown = f"{local:%H:%M}"
    today, before = f"{local:%A}", f"{local - dt.timedelta(days=1):%A}"
    if start < end:
        expected = today in on and start <= shown < end
    else:
        expected = (today in on and shown >= start) or (before in on and shown < end)
    assert recurrence.covers(moment) == expected


def test_the_night_of_the_clock_change():
    recurrence = recurring.Recurrence(timezone="Europe/Berlin", days=["sun"], start="02:30", end="03:30")

    def at(day, hour, minute):
        return recurrence.covers(dt.datetime(2026, *day, hour, minute, tzinfo=dt.UTC))

    # in March, 02:30 is skipped: it begins when the clocks show 03:00, at 01:00 UTC
    assert [at((3, 29), 0, 59), at((3, 29), 1, 0), at((3, 29), 1, 29), at((3, 29), 1, 30)] == [
        False, True, True, False,
    ]  # fmt: skip
    # in October, 02:30 to 03:00 comes twice
    assert [at((10, 25), 0, 30), at((10, 25), 1, 0), at((10, 25), 1, 30), at((10, 25), 2, 30)] == [
        True, False, True, False,
    ]  # fmt: skip


def test_at_the_weekend_fewer():
    weekend = {
        "name": "weekend",
        "max_count": 2,
        "recurrence": {"timezone": "Europe/Berlin", "days": ["sat", "sun"]},
    }
    asked = by_rules(CPU_OUT, low=2, high=6, profiles=[weekend])
    assert asked.at(NOON) == policy.Bounds(2, 6, asked.usual.rules)
    saturday = asked.at(NOON + dt.timedelta(hours=11, minutes=30))  # already Saturday in Berlin
    assert saturday == policy.Bounds(2, 2, asked.usual.rules, "weekend")
    seen = history.History(60, 1)
    decided = verdict.decide(asked, saturday, seen, count=5, rested_s=0)
    assert decided == verdict.Verdict(2, "profile weekend: 2 to 2 instances")


def test_a_fixed_date_goes_before_a_recurrence():
    friday = {"name": "friday", "max_count": 2, "recurrence": {"days": ["fri"]}}
    busy = {
        "name": "busy",
        "min_count": 5,
        "fixed_date": {"start": NOON.isoformat(), "end": (NOON + dt.timedelta(hours=1)).isoformat()},
    }
    asked = by_rules(CPU_OUT, low=2, high=6, profiles=[friday, busy])
    assert [asked.at(NOON + dt.timedelta(minutes=m)).profile for m in (-1, 0, 59, 60)] == [
        "friday", "busy", "busy", "friday",
    ]  # fmt: skip
    assert asked.at(NOON).low == 5


def test_a_fixed_number_needs_no_policy_and_a_profile_alone_is_one():
    assert policy.of(deployment(instance_count=3)) is None
    assert policy.of(deployment(instance_count=3, scale_settings={"type": "default"})) is None
    night = {"name": "night", "max_count": 1, "recurrence": {"start": "22:00", "end": "06:00"}}
    asked = policy.of(deployment(instance_count=3, zaffre={"autoscale": {"profiles": [night]}}))
    assert asked.at(NOON) == policy.Bounds(3, 3)
    assert asked.at(NOON.replace(hour=23)) == policy.Bounds(1, 1, (), "night")
    assert math.isclose(asked.poll_s, 1.0)
