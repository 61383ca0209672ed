"""`zaffre: {alerts: [...]}` of an endpoint or a deployment: rules in the words of Azure Monitor's metric alerts.

    alerts:
      - name: slow
        condition: avg RequestLatency_P95 > 500
        window_size: 5m
        severity: 2

Or with `metric`, `operator`, `threshold` and `time_aggregation` instead of `condition`. Nothing is evaluated here.
"""

import re
from typing import Annotated, Any, ClassVar, Self

import pydantic

from zaffre.contracts import base, conditions, values

METRICS = (
    "RequestLatency", "RequestLatency_P50", "RequestLatency_P90", "RequestLatency_P95", "RequestLatency_P99",
    "RequestsPerMinute", "Requests", "FailedRequests", "ErrorPercentage", "InFlight", "Queued",
    "CpuUtilizationPercentage", "CpuMemoryUtilizationPercentage", "Restarts",
)  # fmt: skip
"""What a rule may ask about: milliseconds, numbers, per cent (of the machine)."""

_BY_LOWER = {name.lower(): name for name in METRICS}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_SHORTEST_S, _LONGEST_S = 10, 86_400


class AlertRule(base.Part):
    """One rule. It fires when the condition holds over the window, and is resolved when it holds no more."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"name"})

    name: values.Text
    description: values.Text | None = None
    condition: values.Text | None = None
    metric: values.Text | None = None
    operator: values.Text | None = None
    threshold: float | None = None
    time_aggregation: values.Text | None = None
    window_size: values.Text = "5m"
    severity: Annotated[values.Whole, pydantic.Field(ge=0, le=4)] = 3
    enabled: values.Flag = True

    @pydantic.field_validator("name")
    @classmethod
    def _name_is_plain(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError("must be up to 63 letters, digits, '-' and '_'")
        return name

    @pydantic.field_validator("window_size", mode="before")
    @classmethod
    def _window_is_a_span(cls, given: Any) -> str:
        found = values.checked(conditions.seconds, str(given))
        if not _SHORTEST_S <= found <= _LONGEST_S:
            raise ValueError(f"must be from {_SHORTEST_S} seconds to a day, not {given}")
        return str(given)

    @pydantic.model_validator(mode="after")
    def _one_condition(self) -> Self:
        parts = (self.metric, self.operator, self.threshold)
        if (self.condition is None) == all(part is None for part in parts):
            raise ValueError("give either condition, or metric, operator and threshold")
        if self.condition is None and None in parts:
            raise ValueError("metric, operator and threshold belong together")
        metric = values.checked(_condition, self).metric
        if metric.lower() not in _BY_LOWER:
            raise ValueError(f"there is no metric {metric!r}; there are {', '.join(METRICS)}")
        return self

    @property
    def window_s(self) -> int:
        """The window's length."""
        return conditions.seconds(self.window_size)

    def parsed(self) -> conditions.Condition:
        """The condition, its metric by its own name."""
        found = _condition(self)
        return found._replace(metric=_BY_LOWER[found.metric.lower()])


def _condition(rule: AlertRule) -> conditions.Condition:
    """Raises Invalid."""
    if rule.condition is not None:
        return conditions.parse(rule.condition)
    return conditions.Condition(
        rule.metric or "",
        conditions.sign_of(rule.operator or ""),
        rule.threshold or 0.0,
        conditions.aggregation_of(rule.time_aggregation or "avg"),
    )


def _names_differ(rules: list[AlertRule]) -> list[AlertRule]:
    names = [rule.name for rule in rules]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"the name {twice[0]!r} is given twice")
    return rules


AlertRules = Annotated[list[AlertRule], values.Items, pydantic.AfterValidator(_names_differ)]
