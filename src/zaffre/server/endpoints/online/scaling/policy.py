"""What a deployment's file says about its number of instances, in the numbers that `verdict` reckons with. Pure."""

import dataclasses
import datetime as dt

from zaffre.contracts import autoscale as contract
from zaffre.contracts import online_deployment, recurring, scaling_rules
from zaffre.contracts import settings as parts
from zaffre.server.endpoints.online import settings

CALM_S = 60.0
_POLL_S = 1.0
_SLOWEST_POLL_S = 30.0
_SAMPLES = 100.0

Rule = tuple[scaling_rules.Condition, scaling_rules.Change, float]
"""What must hold, what follows, and how long the last change must be past, in seconds."""


@dataclasses.dataclass(frozen=True)
class Bounds:
    """What holds at a moment. `profile` is the name of the profile that set it, if one did."""

    low: int
    high: int
    rules: tuple[Rule, ...] = ()
    profile: str = ""

    def clamp(self, count: int) -> int:
        """The nearest number that is allowed."""
        return max(self.low, min(count, self.high))


@dataclasses.dataclass(frozen=True)
class Policy:
    """`target` is the share of an instance's places that should be busy, None where only rules count."""

    usual: Bounds
    profiles: tuple[tuple[recurring.Recurrence | recurring.FixedDate, Bounds], ...] = ()
    target: float | None = None
    concurrency: int = 1
    poll_s: float = _POLL_S
    calm_s: float = CALM_S
    zero_after_s: float | None = None

    def at(self, moment: dt.datetime) -> Bounds:
        """What holds then: the profile whose fixed date or else whose recurrence covers the moment, or the usual."""
        return next((bounds for when, bounds in self.profiles if when.covers(moment)), self.usual)

    @property
    def longest_s(self) -> float:
        """How far back a decision may look."""
        every = (self.usual, *(bounds for _, bounds in self.profiles))
        windows = [rule[0].window_s for bounds in every for rule in bounds.rules]
        return max([*windows, self.calm_s if self.target else 0.0])

    def measures(self, *kinds: str) -> bool:
        """Whether any rule asks for one of these metrics."""
        every = (self.usual, *(bounds for _, bounds in self.profiles))
        return any(rule[0].metric.startswith(kinds) for bounds in every for rule in bounds.rules)


def of(deployment: online_deployment.OnlineDeployment) -> Policy | None:
    """The policy of a deployment, or None when its number of instances is fixed."""
    scale = deployment.scale_settings
    extension = deployment.zaffre.autoscale if deployment.zaffre else None
    if extension is None and not isinstance(scale, parts.TargetUtilizationScaleSettings):
        return None
    given = extension or contract.Autoscale()
    usual = _usual(deployment, given)
    policy = Policy(
        usual=usual,
        profiles=_profiles(given, usual),
        concurrency=settings.requests(deployment).max_concurrent_requests_per_instance or 1,
        calm_s=scaling_rules.duration_s(given.calm) if given.calm else CALM_S,
        zero_after_s=scaling_rules.duration_s(given.scale_to_zero_after)
        if given.scale_to_zero_after
        else None,
    )
    if isinstance(scale, parts.TargetUtilizationScaleSettings):
        percentage = scale.target_utilization_percentage or parts.TARGET_UTILIZATION_PERCENTAGE
        return dataclasses.replace(policy, target=percentage / 100, poll_s=float(scale.polling_interval or 1))
    poll_s = min(max(policy.longest_s / _SAMPLES, _POLL_S), _SLOWEST_POLL_S)
    return dataclasses.replace(policy, poll_s=poll_s)


def _usual(deployment: online_deployment.OnlineDeployment, given: contract.Autoscale) -> Bounds:
    scale = deployment.scale_settings
    count = max(deployment.instance_count or 1, 1)
    if isinstance(scale, parts.TargetUtilizationScaleSettings):
        low = max(scale.min_instances or 1, 1)
        return Bounds(low, scale.max_instances or max(low, count))
    fixed = given.min_count is None and given.max_count is None
    low = count if fixed else given.min_count or 1
    return Bounds(low, given.max_count or max(low, count), _rules(given.rules))


def _during(profile: contract.ScaleProfile, usual: Bounds) -> Bounds:
    low = profile.min_count or min(usual.low, profile.max_count or usual.low)
    high = profile.max_count or max(usual.high, low)
    return Bounds(low, high, _rules(profile.rules) or usual.rules, profile.name)


def _profiles(
    given: contract.Autoscale, usual: Bounds
) -> tuple[tuple[recurring.Recurrence | recurring.FixedDate, Bounds], ...]:
    """Fixed dates first, as Azure Monitor has it."""
    items = given.profiles
    fixed = tuple((item.fixed_date, _during(item, usual)) for item in items if item.fixed_date)
    recurring = tuple((item.recurrence, _during(item, usual)) for item in items if item.recurrence)
    return (*fixed, *recurring)


def _rules(given: list[contract.ScaleRule]) -> tuple[Rule, ...]:
    return tuple(rule.parsed for rule in given)
