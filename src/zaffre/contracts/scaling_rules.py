"""What the texts of a scaling rule mean: its condition with the filters, its change, its times. Pure.

Read by `autoscale` for the check of a file and by the server that obeys it. Nothing is decided here.
"""

import dataclasses
import difflib
import re
from typing import Any, Literal

Metric = Literal[
    "cpu", "memory", "latency", "latency_p50", "latency_p90", "latency_p95", "latency_p99", "rpm"
]
Operator = Literal[">", ">=", "<", "<=", "==", "!="]
Aggregation = Literal["avg", "min", "max", "total", "count"]
Dimension = Literal["deployment", "endpoint", "statusCode", "statusCodeClass"]

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
_DIMENSIONS: dict[str, Dimension] = {
    name.lower(): name for name in ("deployment", "endpoint", "statusCode", "statusCodeClass")
}
_OF_ANSWERS = {
    "statusCode": re.compile("[1-5][0-9][0-9]"),
    "statusCodeClass": re.compile("[1-5]xx", re.IGNORECASE),
}
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

    dimension: Dimension
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

    @property
    def by_deployment(self) -> bool:
        """Whether it names the deployments of the endpoint that it counts, and not just its own."""
        return self.metric == "rpm" and any(one.dimension == "deployment" for one in self.where)

    @property
    def by_code(self) -> bool:
        """Whether it counts some answers only."""
        return any(one.dimension in _OF_ANSWERS for one in self.where)

    def counts(self, deployment: str, code: int) -> bool:
        """Whether it counts an answer of a deployment with this code."""
        values = {"deployment": deployment, "statusCode": str(code), "statusCodeClass": f"{code // 100}xx"}
        return all(one.takes(values[one.dimension]) for one in self.where if one.dimension in values)

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
    metric, where = _metric(match["metric"]), _filters(match["where"])
    if metric != "rpm" and any(one.dimension in _OF_ANSWERS for one in where):
        raise ValueError(f"{text[:120]!r}: status codes filter RequestsPerMinute only")
    return Condition(
        metric,
        operator,
        float(match["threshold"]),
        aggregation,
        duration_s(match["window"]),
        where,
    )


def _filters(text: str | None) -> tuple[Filter, ...]:
    """`deployment == blue or green and endpoint == churn`, as `az monitor autoscale` takes it."""
    return tuple(_filter(part) for part in re.split(r"\s+and\s+", text, flags=re.IGNORECASE)) if text else ()


def _filter(text: str) -> Filter:
    match = _FILTER.fullmatch(text.strip())
    dimension = _DIMENSIONS.get(match["dimension"].lower()) if match else None
    if match is None or dimension is None:
        raise ValueError(
            f"{text[:60]!r} filters nothing; write 'where deployment == blue' (dimensions: "
            f"{', '.join(_DIMENSIONS.values())})"
        )
    known = re.split(r"\s+or\s+|\s*,\s*", match["values"].strip(), flags=re.IGNORECASE)
    form = _OF_ANSWERS.get(dimension)
    if form and not all(form.fullmatch(value) for value in known):
        raise ValueError(f"{text[:60]!r}: write a statusCode like 429 and a statusCodeClass like 5xx")
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
