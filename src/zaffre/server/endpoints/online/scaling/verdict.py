"""How many instances there should be now, and why. Pure: a policy, what was measured, and the number there is.

Target utilization: `in flight / (target x concurrency)`, out at once, in only to what a whole calm time never needed.
Rules, as Azure Monitor takes them: one that says out is enough; to go in, every rule that says in must hold. A step in
that would make a rule for out hold is not taken; and what was measured before the last change, with another number of
instances, is no reason for the next.
"""

import dataclasses
import math

from zaffre.server.endpoints.online.scaling import history, policy


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The number of instances, and the reason where it changes; 0 means that the first request starts one."""

    count: int
    why: str = ""


def decide(
    asked: policy.Policy,
    bounds: policy.Bounds,
    seen: history.History,
    *,
    count: int,
    rested_s: float,
    woken: bool = False,
) -> Verdict:
    """The number that should be. `rested_s` is how long ago it was last changed; `woken`: a sleeping process was needed."""
    newest = seen.newest()
    if count == 0:
        if woken or (newest is not None and (newest.in_flight or newest.requests)):
            return Verdict(max(bounds.low, 1), "a request came")
        return Verdict(0)
    within = bounds.clamp(count)
    if within != count:
        named = f"profile {bounds.profile}" if bounds.profile else "the bounds"
        return Verdict(within, f"{named}: {bounds.low} to {bounds.high} instances")
    if newest is None:
        return Verdict(count)
    if asked.zero_after_s is not None and newest.at - seen.quiet_since >= asked.zero_after_s:
        return Verdict(0, f"no request for {asked.zero_after_s:g} s")
    if asked.target is not None:
        return _by_utilization(asked, bounds, seen, count)
    return _by_rules(bounds, seen, count, rested_s)


def needed(in_flight: int, target: float, concurrency: int) -> int:
    """The documented formula: so many instances that no more than the target share of their places is busy."""
    return math.ceil(round(in_flight / (target * concurrency), 6))


def _by_utilization(
    asked: policy.Policy, bounds: policy.Bounds, seen: history.History, count: int
) -> Verdict:
    newest = seen.newest()
    assert newest is not None
    assert asked.target is not None
    wanted = bounds.clamp(needed(newest.in_flight, asked.target, asked.concurrency))
    if wanted > count:
        share = newest.in_flight / (asked.concurrency * count)
        return Verdict(wanted, f"utilization {share:.0%} is above {asked.target:.0%}")
    calm = seen.window(asked.calm_s)
    if calm is None:
        return Verdict(count)
    peak = max(needed(sample.in_flight, asked.target, asked.concurrency) for sample in calm)
    if bounds.clamp(peak) < count:
        return Verdict(bounds.clamp(peak), f"{peak} or fewer were enough for {asked.calm_s:g} s")
    return Verdict(count)


def _by_rules(bounds: policy.Bounds, seen: history.History, count: int, rested_s: float) -> Verdict:
    outward: list[Verdict] = []
    inward: list[Verdict] = []
    is_all = True
    for rule in bounds.rules:
        changed = bounds.clamp(rule[1].applied(count))
        value = seen.value(rule[0])
        holds = value is not None and rule[0].holds(value)
        is_in = rule[1].way == "in" or (rule[1].way == "to" and rule[1].amount < count)
        is_all = is_all and (holds or not is_in)
        if holds and value is not None and changed != count and rested_s >= _rest_s(rule):
            (inward if is_in else outward).append(Verdict(changed, _why(rule, value)))
    if outward:
        return max(outward, key=lambda verdict: verdict.count)
    if not inward or not is_all:
        return Verdict(count)
    fewest = max(inward, key=lambda verdict: verdict.count)
    return Verdict(count) if _would_return(bounds, seen, count, fewest.count) else fewest


def _rest_s(rule: policy.Rule) -> float:
    """How old the last change must be: the load as a whole does not depend on it, all else that is measured does."""
    condition, _, cooldown_s = rule
    return cooldown_s if condition.metric == "rpm" else max(cooldown_s, condition.window_s)


def _would_return(bounds: policy.Bounds, seen: history.History, count: int, fewer: int) -> bool:
    """Whether the load of `count` instances, carried by fewer, would make a rule for out hold."""
    for condition, change, _ in bounds.rules:
        if condition.metric in ("cpu", "memory") and change.way == "out":
            value = seen.value(condition)
            if value is not None and condition.holds(value * count / max(fewer, 1)):
                return True
    return False


def _why(rule: policy.Rule, value: float) -> str:
    condition = rule[0]
    return (
        f"{condition.metric} {condition.aggregation} {value:.4g} over {condition.window_s:g} s "
        f"is {condition.operator} {condition.threshold:g}"
    )
