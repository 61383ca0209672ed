"""Conditions as users of Azure Monitor write them: `avg RequestLatency_P95 > 500`, and windows: `5m`, `PT5M`, `300`.

Used by alert rules, by scaling rules and wherever a span of time is asked for. It knows no metric: who uses it does.
"""

import operator
import re
from collections.abc import Callable
from typing import NamedTuple

from zaffre.core import errors

AGGREGATIONS = ("avg", "min", "max", "total", "count")
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}
_WORDS = {
    "GreaterThan": ">",
    "GreaterThanOrEqual": ">=",
    "LessThan": "<",
    "LessThanOrEqual": "<=",
    "Equals": "=",
    "NotEquals": "!=",
}
_CONDITION = re.compile(
    r"\s*(?:(?P<aggregation>[A-Za-z]+)\s+)?(?P<metric>[A-Za-z][A-Za-z0-9_.]*)\s*(?P<sign>>=|<=|!=|==|>|<|=)\s*"
    r"(?P<threshold>-?[0-9]+(?:\.[0-9]+)?)\s*"
)
_SHORT = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_ISO = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")
_UNITS_S = (86_400, 3600, 60, 1)


class Condition(NamedTuple):
    """`aggregation` says how the values of a window become one."""

    metric: str
    sign: str
    threshold: float
    aggregation: str = "avg"

    def holds(self, value: float) -> bool:
        """Whether a value fulfils it."""
        return OPERATORS[self.sign](value, self.threshold)

    def __str__(self) -> str:
        return f"{self.aggregation} {self.metric} {self.sign} {self.threshold:g}"


def parse(text: str) -> Condition:
    """The condition of a text. Raises Invalid."""
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise errors.Invalid(
            f"{text[:100]!r} is not a condition.", hint="Write for example 'avg RequestLatency_P95 > 500'."
        )
    sign = "=" if match["sign"] == "==" else match["sign"]
    return Condition(
        match["metric"], sign, float(match["threshold"]), aggregation_of(match["aggregation"] or "avg")
    )


def aggregation_of(text: str) -> str:
    """One of AGGREGATIONS, by its name here or Azure's long one. Raises Invalid."""
    known = {"average": "avg", "minimum": "min", "maximum": "max", **{name: name for name in AGGREGATIONS}}
    found = known.get(text.lower())
    if found is None:
        raise errors.Invalid(f"{text!r} is no aggregation.", hint=f"There are {', '.join(AGGREGATIONS)}.")
    return found


def sign_of(text: str) -> str:
    """One of OPERATORS, by its sign or Azure's word (`GreaterThan`). Raises Invalid."""
    by_word = {word.lower(): sign for word, sign in _WORDS.items()}
    found = text if text in OPERATORS else by_word.get(text.replace("_", "").lower())
    if found is None:
        known = ", ".join([*OPERATORS, *_WORDS])
        raise errors.Invalid(f"{text!r} is no operator.", hint=f"There are {known}.")
    return found


def seconds(text: str) -> int:
    """The seconds of `300`, `5m`, `1h30m` or `PT5M`. Raises Invalid."""
    given = text.strip()
    if given.isdecimal() and len(given) < 10:
        return int(given)
    match = _SHORT.fullmatch(given.lower()) or _ISO.fullmatch(given.upper())
    parts = [int(part or 0) for part in match.groups()] if match and given else []
    if not any(parts):
        raise errors.Invalid(
            f"{text[:40]!r} is not a span of time.", hint="Write seconds, or '5m', '1h30m', 'PT5M'."
        )
    return sum(part * unit for part, unit in zip(parts, _UNITS_S, strict=True))
