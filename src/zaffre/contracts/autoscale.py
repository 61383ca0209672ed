"""`zaffre: {autoscale: ...}` of a deployment: bounds, rules and recurring profiles, in the words of Azure Monitor.

What a rule's texts mean is parsed here, for the check of a file and for the server that obeys it. Nothing is decided here.
"""

import dataclasses
import difflib
import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, Self

import pydantic

from zaffre.contracts import base, recurring, values

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
_LONGEST_S = 24 * 3600
MOST_INSTANCES = 1000


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
    recurrence: recurring.Recurrence | None = None
    fixed_date: recurring.FixedDate | None = None

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


def _clash(one: ScaleProfile, other: ScaleProfile) -> str:
    """A moment that both cover, in words, or nothing. A fixed date goes before a recurrence, so these do not clash."""
    if one.recurrence is not None and other.recurrence is not None:
        moment = recurring.overlap(one.recurrence, other.recurrence)
        zone = one.recurrence.zone()
        return f"{moment.astimezone(zone):%A at %H:%M} ({one.recurrence.timezone})" if moment else ""
    if one.fixed_date is not None and other.fixed_date is not None:
        begins = max(one.fixed_date.span()[0], other.fixed_date.span()[0])
        ends = min(one.fixed_date.span()[1], other.fixed_date.span()[1])
        return f"{begins:%Y-%m-%d at %H:%M} (UTC)" if begins < ends else ""
    return ""
