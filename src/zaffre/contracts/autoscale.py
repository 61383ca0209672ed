"""`zaffre: {autoscale: ...}` of a deployment: bounds, rules and recurring profiles, in the words of Azure Monitor.

What a rule's texts mean is parsed here, for the check of a file and for the server that obeys it. Nothing is decided here.
"""

import dataclasses
import datetime as dt
import difflib
import re
import zoneinfo
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, Self

import pydantic

from zaffre.contracts import base, values, zones

Metric = Literal[
    "cpu", "memory", "latency", "latency_p50", "latency_p90", "latency_p95", "latency_p99", "rpm"
]
Operator = Literal[">", ">=", "<", "<=", "==", "!="]
Aggregation = Literal["avg", "min", "max", "total", "count"]

METRICS: dict[str, Metric] = {
    "CpuUtilizationPercentage": "cpu",
    "CpuMemoryUtilizationPercentage": "memory",
    "RequestLatency": "latency",
    "RequestLatency_P50": "latency_p50",
    "RequestLatency_P90": "latency_p90",
    "RequestLatency_P95": "latency_p95",
    "RequestLatency_P99": "latency_p99",
    "RequestsPerMinute": "rpm",
}
"""The names of Azure's metrics of a deployment: per cent, milliseconds, requests."""

_ALSO: dict[str, Metric] = {
    "CpuPercentage": "cpu",
    "CpuUtilization": "cpu",
    "MemoryPercentage": "memory",
    "MemoryUtilizationPercentage": "memory",
}
_BY_KEY = {re.sub("[^a-z0-9]", "", name.lower()): metric for name, metric in {**METRICS, **_ALSO}.items()}
_CONDITION = re.compile(
    r"(?P<metric>[\w ]+?)\s*(?P<operator>>=|<=|==|!=|>|<)\s*(?P<threshold>\d+(?:\.\d+)?)%?\s+"
    r"(?P<aggregation>avg|average|min|minimum|max|maximum|total|count)\s+(?P<window>\w+)"
    r"(?:\s+where\s+(?P<where>.+))?",
    re.IGNORECASE,
)
_FILTER = re.compile(
    r"(?P<dimension>\w+)\s*(?P<sign>==|!=|=|\bincludes\b|\bexcludes\b)\s*(?P<values>.+)", re.IGNORECASE
)
DIMENSIONS = ("deployment", "endpoint")
_AGGREGATIONS: dict[str, Aggregation] = {"average": "avg", "minimum": "min", "maximum": "max"}
_CHANGE = re.compile(r"(?P<way>out|in|to)\s+(?P<amount>\d+)\s*(?P<percent>%?)", re.IGNORECASE)
_DURATION = re.compile(
    r"(?:PT)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m(?:in)?)?(?:(?P<s>\d+)s)?", re.IGNORECASE
)  # fmt: skip
_CLOCK = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")
_LONGEST_S = 24 * 3600
MOST_INSTANCES = 1000
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclasses.dataclass(frozen=True)
class Filter:
    """`deployment == blue or green`: a dimension, and the values that it must have, or must not have."""

    dimension: str
    values: tuple[str, ...]
    negated: bool = False

    def takes(self, value: str) -> bool:
        """Whether what has this value is measured."""
        return (value.lower() in {known.lower() for known in self.values}) is not self.negated


@dataclasses.dataclass(frozen=True)
class Condition:
    """`CpuPercentage > 70 avg 5m`, understood."""

    metric: Metric
    operator: Operator
    threshold: float
    aggregation: Aggregation
    window_s: float
    where: tuple[Filter, ...] = ()

    def holds(self, value: float) -> bool:
        """Whether a measured value satisfies it."""
        match self.operator:
            case ">":
                return value > self.threshold
            case ">=":
                return value >= self.threshold
            case "<":
                return value < self.threshold
            case "<=":
                return value <= self.threshold
            case "==":
                return value == self.threshold
            case _:
                return value != self.threshold


@dataclasses.dataclass(frozen=True)
class Change:
    """`out 2`, `in 1`, `out 50%` or `to 5`, understood."""

    way: Literal["out", "in", "to"]
    amount: int
    percent: bool = False

    def applied(self, count: int) -> int:
        """The number of instances after it; a share of them is at least one."""
        if self.way == "to":
            return self.amount
        step = max(1, -(-count * self.amount // 100)) if self.percent else self.amount
        return count + step if self.way == "out" else count - step


def condition(text: str) -> Condition:
    """Raises ValueError."""
    match = _CONDITION.fullmatch(text.strip())
    if match is None:
        raise ValueError(
            f"{text[:120]!r} is not a condition; write one like 'CpuUtilizationPercentage > 70 avg 5m'"
        )
    found = match["aggregation"].lower()
    aggregation: Any = _AGGREGATIONS.get(found, found)
    operator: Any = match["operator"]
    return Condition(
        _metric(match["metric"]),
        operator,
        float(match["threshold"]),
        aggregation,
        duration_s(match["window"]),
        _filters(match["where"]),
    )


def _filters(text: str | None) -> tuple[Filter, ...]:
    """`deployment == blue or green and endpoint == churn`, as `az monitor autoscale` takes it."""
    return tuple(_filter(part) for part in re.split(r"\s+and\s+", text, flags=re.IGNORECASE)) if text else ()


def _filter(text: str) -> Filter:
    match = _FILTER.fullmatch(text.strip())
    dimension = match["dimension"].lower() if match else ""
    if match is None or dimension not in DIMENSIONS:
        raise ValueError(
            f"{text[:60]!r} filters nothing; write 'where deployment == blue' (dimensions: {', '.join(DIMENSIONS)})"
        )
    known = re.split(r"\s+or\s+|\s*,\s*", match["values"].strip(), flags=re.IGNORECASE)
    return Filter(dimension, tuple(known), negated=match["sign"].lower() in ("!=", "excludes"))


def change(text: str) -> Change:
    """Raises ValueError."""
    match = _CHANGE.fullmatch(text.strip())
    if match is None or (match["way"].lower() == "to" and match["percent"]):
        raise ValueError(f"{text[:60]!r} is not a change; write 'out 2', 'in 1', 'out 50%' or 'to 5'")
    way: Any = match["way"].lower()
    amount = int(match["amount"])
    if not 1 <= amount <= MOST_INSTANCES:
        raise ValueError(f"{text[:60]!r} changes nothing, or too much (1 to {MOST_INSTANCES})")
    return Change(way, amount, percent=bool(match["percent"]))


def duration_s(text: str) -> float:
    """Seconds of `5m`, `30s`, `1h30m`, `PT5M`; a bare number is minutes, as for `az monitor`. Raises ValueError."""
    plain = text.strip()
    if plain.isdigit():
        plain += "m"
    match = _DURATION.fullmatch(plain)
    parts = {unit: int(found or 0) for unit, found in match.groupdict().items()} if match else {}
    seconds = parts.get("h", 0) * 3600 + parts.get("m", 0) * 60 + parts.get("s", 0)
    if not 1 <= seconds <= _LONGEST_S:
        raise ValueError(
            f"{text[:60]!r} is not a time from one second to a day; write '5m', '30s' or '1h30m' (a bare number is minutes)"
        )
    return float(seconds)


def _metric(name: str) -> Metric:
    key = re.sub("[^a-z0-9]", "", name.lower())
    if key not in _BY_KEY:
        near = difflib.get_close_matches(key, _BY_KEY, n=1)
        meant = next(
            (known for known in (*METRICS, *_ALSO) if near and known.lower().replace("_", "") == near[0]), ""
        )
        guess = f"; did you mean {meant}?" if meant else ""
        raise ValueError(f"there is no metric {name!r}{guess} The metrics are {', '.join(METRICS)}")
    return _BY_KEY[key]


def _checked(parse: Callable[[str], Any]) -> pydantic.AfterValidator:
    def check(text: str) -> str:
        parse(text)
        return text

    return pydantic.AfterValidator(check)


def _scalar_text(value: Any) -> Any:
    return value if value is None else values.as_text(value)


Duration = Annotated[str, pydantic.BeforeValidator(_scalar_text), _checked(duration_s)]
Instances = Annotated[values.Whole, pydantic.Field(ge=1, le=MOST_INSTANCES)]


class ScaleRule(base.Part):
    """When what is measured satisfies `condition`, change the number of instances; then rest for `cooldown`."""

    POSITIONAL: ClassVar[tuple[str, ...]] = ("condition", "scale", "cooldown")
    REQUIRED: ClassVar[frozenset[str]] = frozenset({"condition", "scale"})

    condition: Annotated[values.Text, _checked(condition)]
    scale: Annotated[values.Text, _checked(change)]
    cooldown: Duration = "5m"

    @property
    def parsed(self) -> tuple[Condition, Change, float]:
        """Condition, change, and seconds of rest."""
        return condition(self.condition), change(self.scale), duration_s(self.cooldown)


def _clock(text: Any) -> Any:
    if isinstance(text, int) and not isinstance(text, bool) and 0 <= text <= 24 * 60:
        text = f"{text // 60:02}:{text % 60:02}"  # YAML reads 22:30 without quotes as a number in base 60
    match = _CLOCK.fullmatch(text) if isinstance(text, str) else None
    if match is None or minutes(text) > 24 * 60:
        raise ValueError(f"{str(text)[:60]!r} is not a time of day; write '06:30', at most '24:00'")
    return text


def minutes(clock: str) -> int:
    """Minutes since midnight."""
    hours, _, rest = clock.partition(":")
    return int(hours) * 60 + int(rest)


def _day(value: Any) -> str:
    text = value.strip().lower() if isinstance(value, str) else ""
    found = [day for day in DAYS if len(text) >= 3 and day.lower().startswith(text)]
    if len(found) != 1:
        raise ValueError(
            f"{str(value)[:60]!r} is not a day of the week; write Monday to Sunday, or mon to sun"
        )
    return found[0]


class Recurrence(base.Part):
    """Days of the week and the hours on them, by the clocks of `timezone`. An `end` before `start` is the next day's."""

    timezone: values.Text = "UTC"
    days: Annotated[list[Annotated[str, pydantic.BeforeValidator(_day)]], values.Items] = list(DAYS)
    start: Annotated[str, pydantic.BeforeValidator(_clock)] = "00:00"
    end: Annotated[str, pydantic.BeforeValidator(_clock)] = "24:00"

    @pydantic.field_validator("timezone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        zones.find(name)
        return name

    @pydantic.field_validator("days")
    @classmethod
    def _are_some(cls, days: list[str]) -> list[str]:
        if not days:
            raise ValueError("name at least one day")
        return days

    @pydantic.model_validator(mode="after")
    def _lasts(self) -> Self:
        if minutes(self.start) == minutes(self.end):
            raise ValueError(f"it starts and ends at {self.start}; for whole days leave both out")
        return self

    def zone(self) -> zoneinfo.ZoneInfo:
        """The zone that its hours are told in."""
        return zones.find(self.timezone)

    def covers(self, moment: dt.datetime) -> bool:
        """Whether the clocks there show a time within it; what they skip or repeat in spring and autumn included."""
        local = moment.astimezone(self.zone())
        now, start, end = local.hour * 60 + local.minute, minutes(self.start), minutes(self.end)
        today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
        if start < end:
            return today in self.days and start <= now < end
        return (today in self.days and now >= start) or (yesterday in self.days and now < end)

    def starts(self, year: int) -> list[dt.datetime]:
        """The moments of one year and a week at which it begins."""
        first, zone, at = dt.date(year, 1, 1), self.zone(), minutes(self.start) % (24 * 60)
        found = (first + dt.timedelta(days=offset) for offset in range(372))
        return [
            dt.datetime.combine(day, dt.time(at // 60, at % 60), zone).astimezone(dt.UTC)
            for day in found
            if DAYS[day.weekday()] in self.days
        ]


def _moment(value: Any) -> str:
    """A date, with or without a time, as text; YAML has made it a value already."""
    try:
        return dt.datetime.fromisoformat(str(value).strip()).isoformat()
    except ValueError:
        raise ValueError(f"{str(value)[:60]!r} is not a date; write 2026-12-24 or 2026-12-24T08:00") from None


class FixedDate(base.Part):
    """From one moment to another, by the clocks of `timezone` (one that names its own offset is taken by that)."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"start", "end"})

    timezone: values.Text = "UTC"
    start: Annotated[str, pydantic.BeforeValidator(_moment)]
    end: Annotated[str, pydantic.BeforeValidator(_moment)]

    @pydantic.field_validator("timezone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        zones.find(name)
        return name

    @pydantic.model_validator(mode="after")
    def _lasts(self) -> Self:
        begins, ends = self.span()
        if begins >= ends:
            raise ValueError(f"it ends at {self.end}, before it starts at {self.start}")
        return self

    def span(self) -> tuple[dt.datetime, dt.datetime]:
        """When it begins, and when it is over."""
        begins, ends = (self._at(text) for text in (self.start, self.end))
        return begins, ends

    def _at(self, text: str) -> dt.datetime:
        found = dt.datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zones.find(self.timezone))).astimezone(dt.UTC)

    def covers(self, moment: dt.datetime) -> bool:
        """Whether it lasts at the moment."""
        begins, ends = self.span()
        return begins <= moment < ends


class _Capacity(base.Part):
    min_count: Instances | None = None
    max_count: Instances | None = None
    rules: Annotated[list[ScaleRule], values.Items] = []

    @pydantic.model_validator(mode="after")
    def _fits(self) -> Self:
        if self.min_count is not None and self.max_count is not None and self.min_count > self.max_count:
            raise ValueError(f"min_count ({self.min_count}) is above max_count ({self.max_count})")
        return self


class ScaleProfile(_Capacity):
    """Other bounds, and other rules where it has its own, while its recurrence or its fixed date lasts."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"name"})

    name: values.Text
    recurrence: Recurrence | None = None
    fixed_date: FixedDate | None = None

    @pydantic.model_validator(mode="after")
    def _has_one_time(self) -> Self:
        if (self.recurrence is None) == (self.fixed_date is None):
            raise ValueError(f"profile {self.name!r}: give either recurrence or fixed_date")
        return self


class Autoscale(_Capacity):
    """How many instances a deployment has, and when that changes."""

    profiles: Annotated[list[ScaleProfile], values.Items] = []
    # Without a request for so long, no process is left; the first request starts one and waits for it.
    scale_to_zero_after: Duration | None = None
    # For `scale_settings: target_utilization`: how long fewer instances must have been enough before some go.
    calm: Duration | None = None

    @pydantic.model_validator(mode="after")
    def _profiles_agree(self) -> Self:
        twice = sorted(
            {one.name for one in self.profiles if [p.name for p in self.profiles].count(one.name) > 1}
        )
        if twice:
            raise ValueError(f"two profiles have the name {twice[0]!r}")
        for index, one in enumerate(self.profiles):
            self._check_bounds(one)
            for other in self.profiles[index + 1 :]:
                when = _clash(one, other)
                if when:
                    raise ValueError(
                        f"the profiles {one.name!r} and {other.name!r} overlap, for example on {when}"
                    )
        return self

    def check_names(self, *, deployment: str | None, endpoint: str | None) -> None:
        """Raise ValueError for a rule that would measure anything but its own deployment."""
        for part in (self, *self.profiles):
            for rule in part.rules:
                for one in rule.parsed[0].where:
                    name = deployment if one.dimension == "deployment" else endpoint
                    if name is not None and not one.takes(name):
                        raise ValueError(
                            f"{rule.condition!r} leaves out its own {one.dimension} {name!r}; a rule measures the deployment "
                            "in whose file it stands"
                        )

    def check_beside(self, *, by_target: bool) -> None:
        """Raise ValueError when it does not go together with what `scale_settings` says."""
        ruled = bool(self.rules) or any(profile.rules for profile in self.profiles)
        if not by_target:
            if self.calm is not None:
                raise ValueError(
                    "zaffre.autoscale.calm means something with scale_settings.type target_utilization only"
                )
            if ruled and self.max_count is None:
                raise ValueError(
                    "zaffre.autoscale has rules and no max_count, so that they could change nothing"
                )
            return
        if ruled:
            raise ValueError(
                "give either rules in zaffre.autoscale or scale_settings.type target_utilization, not both"
            )
        if self.min_count is not None or self.max_count is not None:
            raise ValueError(
                "with scale_settings.type target_utilization, give min_instances and max_instances there, "
                "not min_count and max_count in zaffre.autoscale"
            )

    def _check_bounds(self, profile: ScaleProfile) -> None:
        low = profile.min_count if profile.min_count is not None else self.min_count
        high = profile.max_count if profile.max_count is not None else self.max_count
        if low is not None and high is not None and low > high:
            raise ValueError(f"profile {profile.name!r}: min_count ({low}) is above max_count ({high})")


_YEAR = 2026


def _clash(one: ScaleProfile, other: ScaleProfile) -> str:
    """A moment that both cover, in words, or nothing. A fixed date goes before a recurrence, so these do not clash."""
    if one.recurrence is not None and other.recurrence is not None:
        moment = _overlap(one.recurrence, other.recurrence)
        zone = one.recurrence.zone()
        return f"{moment.astimezone(zone):%A at %H:%M} ({one.recurrence.timezone})" if moment else ""
    if one.fixed_date is not None and other.fixed_date is not None:
        begins = max(one.fixed_date.span()[0], other.fixed_date.span()[0])
        ends = min(one.fixed_date.span()[1], other.fixed_date.span()[1])
        return f"{begins:%Y-%m-%d at %H:%M} (UTC)" if begins < ends else ""
    return ""


def _overlap(one: Recurrence, other: Recurrence) -> dt.datetime | None:
    """A moment that both cover; each lasts from its starts on, so that one start lies within the other, or none does."""
    candidates = [(moment, other) for moment in one.starts(_YEAR)] + [
        (moment, one) for moment in other.starts(_YEAR)
    ]
    return next((moment for moment, second in candidates if second.covers(moment)), None)
