"""What may stand under `zaffre: {autoscale: ...}`, what it means, and what people are told when it cannot be."""

import datetime as dt

import pytest

from zaffre.contracts import autoscale, files, recurring, scaling_rules
from zaffre.core import errors

FILE = """\
name: blue
endpoint_name: churn
model: azureml:m:1
instance_type: Standard_DS3_v2
zaffre:
  autoscale:
    min_count: 2
    max_count: 5
    scale_to_zero_after: 1h30m
    rules:
      - {condition: "CpuPercentage > 70 avg 5m", scale: out 2, cooldown: 5}
      - condition: CpuUtilizationPercentage < 30 avg PT5M
        scale: in 1
        cooldown: 1h
    profiles:
      - name: weekend
        min_count: 1
        max_count: 2
        recurrence: {timezone: Pacific Standard Time, days: [sat, Sunday]}
      - name: night
        max_count: 3
        recurrence: {timezone: Pacific Standard Time, days: [mon, tue, wed, thu], start: 22:30, end: "06:00"}
"""


CHRISTMAS = {"start": "2026-12-24", "end": "2026-12-27T12:00", "timezone": "Europe/Berlin"}


def dated(name, start="2026-12-24", **changes):
    """A profile of a fixed date."""
    return {"name": name, "fixed_date": {**CHRISTMAS, "start": start, **changes}}


@pytest.fixture
def load(tmp_path):
    """A function that reads the file, with changes as `--set` makes them."""

    def read(*pairs):
        (tmp_path / "blue.yml").write_text(FILE)
        return files.load_yaml(
            tmp_path / "blue.yml", "online-deployment", params_override=[dict([pair]) for pair in pairs]
        )

    return read


def test_a_file_and_what_it_means(load):
    given = load().zaffre.autoscale
    assert [rule.parsed for rule in given.rules] == [
        (scaling_rules.Condition("cpu", ">", 70, "avg", 300), scaling_rules.Change("out", 2), 300),
        (scaling_rules.Condition("cpu", "<", 30, "avg", 300), scaling_rules.Change("in", 1), 3600),
    ]
    night = given.profiles[1].recurrence
    assert (night.start, night.end, night.days[0]) == ("22:30", "06:00", "Monday")
    assert given.profiles[0].recurrence.zone().key == "America/Los_Angeles"
    assert load(("zaffre.autoscale.max_count", "7")).zaffre.autoscale.max_count == 7


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("zaffre.autoscale.max_count", "1"), "min_count (2) is above max_count (1)"),
        (("zaffre.autoscale.min_count", "0"), "min_count"),
        (("zaffre.autoscale.profiles.0.min_count", "3"), "min_count (3) is above max_count (2)"),
        (("zaffre.autoscale.rules.0.condition", "CpuPercent > 70 avg 5m"), "did you mean CpuPercentage?"),
        (
            ("zaffre.autoscale.rules.0.condition", "CpuPercentage is high"),
            "is not a condition; write one like",
        ),
        (("zaffre.autoscale.rules.0.condition", "CpuPercentage > 70 avg 5 years"), "is not a condition"),
        (("zaffre.autoscale.rules.0.condition", "CpuPercentage > 70 avg 2d"), "from one second to a day"),
        (("zaffre.autoscale.rules.0.scale", "up 2"), "write 'out 2', 'in 1', 'out 50%' or 'to 5'"),
        (("zaffre.autoscale.rules.0.scale", "in 0"), "changes nothing"),
        (("zaffre.autoscale.rules.0.cooldown", "soon"), "write '5m'"),
        (("zaffre.autoscale.profiles.0.recurrence.timezone", "Europe/Berln"), "near to it: Europe/Berlin"),
        (("zaffre.autoscale.profiles.0.recurrence.days", ["s"]), "not a day of the week"),
        (("zaffre.autoscale.profiles.0.recurrence.start", "25:00"), "not a time of day"),
        (("zaffre.autoscale.profiles.1.recurrence.days", ["fri"]), "'weekend' and 'night' overlap"),
        (("zaffre.autoscale.profiles.1.name", "weekend"), "two profiles have the name"),
        (("zaffre.autoscale.profiles.1.recurrence.end", "22:30"), "starts and ends at 22:30"),
        (("zaffre.autoscale.profiles.0.fixed_date", CHRISTMAS), "'weekend': give either recurrence or"),
        (("zaffre.autoscale.profiles.0", {"name": "never"}), "'never': give either recurrence or fixed_date"),
        (("zaffre.autoscale.profiles.0", dated("soon", "2026-13-24")), "is not a date; write 2026-12-24"),
        (("zaffre.autoscale.profiles.0", dated("back", "2027-01-01")), "before it starts"),
        (
            ("zaffre.autoscale.profiles", [dated("one"), dated("two", "2026-12-26")]),
            "'one' and 'two' overlap, for example on 2026-12-25 at 23:00 (UTC)",
        ),
        (
            ("zaffre.autoscale.rules.0.condition", "CpuPercentage > 7 avg 5m where deployment == green"),
            "leaves out its own deployment 'blue'",
        ),
        (
            ("zaffre.autoscale.rules.0.condition", "CpuPercentage > 7 avg 5m where endpoint != churn"),
            "leaves out its own endpoint 'churn'",
        ),
        (
            ("zaffre.autoscale.rules.0.condition", "CpuPercentage > 7 avg 5m where VMName == a"),
            "dimensions: deployment, endpoint, statusCode, statusCodeClass",
        ),
        (
            ("zaffre.autoscale.rules.0.condition", "CpuPercentage > 7 avg 5m where statusCode == 200"),
            "status codes filter RequestsPerMinute only",
        ),
        (
            ("zaffre.autoscale.rules.0.condition", "RequestsPerMinute > 7 avg 5m where statusCode == 2xx"),
            "a statusCode like 429 and a statusCodeClass like 5xx",
        ),
        (
            ("zaffre.autoscale.rules.0.condition", "RequestsPerMinute > 7 avg 5m where statusCodeClass == 5"),
            "a statusCode like 429 and a statusCodeClass like 5xx",
        ),
        (
            ("zaffre.autoscale.rules.0.condition", "RequestsPerMinute > 7 avg 5m where endpoint == other"),
            "leaves out its own endpoint 'churn'",
        ),
        (("zaffre.autoscale.calm", "1m"), "target_utilization only"),
        (("scale_settings.type", "target_utilization"), "not both"),
        (("zaffre.autoscale.minimum", "1"), "unknown key 'minimum'"),
    ],
)
def test_what_cannot_be(load, change, said):
    with pytest.raises(errors.Invalid) as refused:
        load(change)
    assert said in str(refused.value)


def test_profiles_of_two_zones_overlap_by_the_clock_on_the_wall():
    def profile(name, **recurrence):
        return {"name": name, "recurrence": recurrence}

    early = profile("early", timezone="Europe/Berlin", days=["sat"], start="00:00", end="12:00")
    late = profile("late", timezone="Asia/Tokyo", days=["sat"], start="20:00", end="23:00")
    autoscale.Autoscale(profiles=[early, late])  # at noon in Berlin it is 19 or 20 o'clock in Tokyo
    late["recurrence"]["start"] = "18:00"
    with pytest.raises(errors.Invalid, match="overlap, for example on Saturday at"):
        autoscale.Autoscale(profiles=[early, late])


def test_a_fixed_date_is_told_by_the_clocks_of_its_zone(load):
    plain = load(("zaffre.autoscale.profiles.0", dated("christmas"))).zaffre.autoscale.profiles[0]
    begins, ends = plain.fixed_date.span()
    assert begins == dt.datetime(2026, 12, 23, 23, tzinfo=dt.UTC)
    assert ends == dt.datetime(2026, 12, 27, 11, tzinfo=dt.UTC)
    assert plain.fixed_date.covers(begins)
    assert not plain.fixed_date.covers(ends)
    own = recurring.FixedDate(start="2026-12-24T00:00:00Z", end="2026-12-25", timezone="Europe/Berlin")
    assert own.span()[0] == dt.datetime(2026, 12, 24, tzinfo=dt.UTC)
    read = {"start": dt.date(2026, 12, 24), "end": dt.datetime(2026, 12, 25, 6)}  # noqa: DTZ001  # as YAML reads it
    assert recurring.FixedDate(**read).span()[1] == dt.datetime(2026, 12, 25, 6, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    "text", ["deployment == blue", "deployment == green or Blue and endpoint == churn", "endpoint != other"]
)
def test_a_condition_may_name_its_own_deployment(load, text):
    given = load(("zaffre.autoscale.rules.0.condition", f"CpuPercentage > 70 avg 5m where {text}"))
    condition = given.zaffre.autoscale.rules[0].parsed[0]
    assert (condition.threshold, condition.window_s) == (70, 300)
    assert condition.where


def test_requests_of_other_deployments_may_be_counted(load):
    text = "RequestsPerMinute > 100 avg 5m where deployment == green and statusCodeClass == 5xx"
    condition = load(("zaffre.autoscale.rules.0.condition", text)).zaffre.autoscale.rules[0].parsed[0]
    assert (condition.by_deployment, condition.by_code) == (True, True)
    assert condition.counts("green", 503)
    assert not condition.counts("green", 200)
    assert not condition.counts("blue", 503)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 300), ("5m", 300), ("30s", 30), ("1h", 3600), ("1h30m", 5400), ("PT1M30S", 90), ("10min", 600)],
)
def test_durations(text, seconds):
    assert scaling_rules.duration_s(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "0s", "PT", "m", "-5", "5x", "1.5h", "9999999999"])
def test_no_durations(text):
    with pytest.raises(ValueError, match="is not a time"):
        scaling_rules.duration_s(text)


@pytest.mark.parametrize(
    ("change", "count", "after"),
    [("out 2", 3, 5), ("in 1", 3, 2), ("out 50%", 3, 5), ("in 10 %", 3, 2), ("to 7", 3, 7), ("OUT 1", 1, 2)],
)
def test_changes(change, count, after):
    assert scaling_rules.change(change).applied(count) == after


def test_what_a_condition_compares():
    holds = {operator: scaling_rules.condition(f"RequestsPerMinute {operator} 1 avg 1m").holds
             for operator in (">", ">=", "<", "<=", "==", "!=")}  # fmt: skip
    assert [operator for operator in holds if holds[operator](1)] == [">=", "<=", "=="]
    assert [operator for operator in holds if holds[operator](2)] == [">", ">=", "!="]
