"""Rules on what deployments do: whether they hold now, and an event when that changes. Called after each look.

Which alerts fire is kept in the database, so that a restart of the server tells nothing twice. `value` is pure.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from zaffre.contracts import alerts as contract
from zaffre.contracts import conditions
from zaffre.contracts import events as catalogue
from zaffre.core import clock
from zaffre.server import access, db, events
from zaffre.server.endpoints.online import observing
from zaffre.server.endpoints.router import answers
from zaffre.server.endpoints.telemetry import slices, store, summary

_CALLER = access.system("telemetry")
_MEMORY = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

Rule = tuple[store.Key, contract.AlertRule]
"""Whose it is (without a deployment: the endpoint's), and what it says."""


def after_a_look(uow: db.UnitOfWork, asked: observing.Asked) -> None:
    """Evaluate every rule; write down which fire, and tell of those that began or ended."""
    known = {(row.workspace, row.endpoint, row.deployment, row.name): row for row in store.list_alerts(uow)}
    present = set()
    for key, rule in rules(asked):
        name = (*key, rule.name)
        present.add(name)
        row = known.get(name)
        found = value(rule.parsed(), _window(uow, key, rule.window_s))
        firing = found is not None and rule.parsed().holds(found)
        if firing != (row is not None):
            _turn(uow, key, rule, firing=firing, value=found)
    for name in set(known) - present:
        store.drop_alert(uow, name)


def rules(asked: observing.Asked) -> Iterable[Rule]:
    """The rules that are switched on, of endpoints and deployments."""
    for row in asked.endpoints:
        yield from (((row.workspace, row.name, ""), rule) for rule in _of(row.body))
    for row in asked.deployments:
        yield from (((row.workspace, row.endpoint, row.name), rule) for rule in _of(row.body))


def _of(body: dict[str, Any]) -> list[contract.AlertRule]:
    given = (body.get("zaffre") or {}).get("alerts") or ()
    return [rule for rule in (contract.AlertRule(**item) for item in given) if rule.enabled]


def _window(uow: db.UnitOfWork, key: store.Key, window_s: int) -> list[slices.Slice]:
    after_ms = int(clock.now().timestamp() * 1000) - window_s * 1000
    workspace, endpoint, deployment = key
    found = store.list_slices(uow, workspace, endpoint, deployment or None, after_ms=after_ms)
    by_moment: dict[int, list[slices.Slice]] = {}
    for row in found:
        by_moment.setdefault(row.at_ms, []).append(slices.Slice(row.seconds, row.added, row.peaks))
    return [slices.together(parts) for _, parts in sorted(by_moment.items())]


def value(condition: conditions.Condition, window: Sequence[slices.Slice]) -> float | None:
    """What a condition compares: one figure of the whole window, or for min and max the extreme of its slices'."""
    figure = _FIGURES[condition.metric]
    if condition.aggregation in ("min", "max"):
        each = [found for found in map(figure, window) if found is not None]
        pick: Callable[..., float] = min if condition.aggregation == "min" else max
        return pick(each) if each else None
    whole = slices.merged(window)
    return figure(whole) if whole.seconds else None


def _turn(
    uow: db.UnitOfWork, key: store.Key, rule: contract.AlertRule, *, firing: bool, value: float | None
) -> None:
    workspace, endpoint, deployment = key
    subject = f"endpoints/{endpoint}" + (f"/deployments/{deployment}" if deployment else "")
    said = {
        "endpoint": endpoint,
        "deployment": deployment,
        "alert": rule.name,
        "condition": str(rule.parsed()),
        "window_s": rule.window_s,
        "severity": rule.severity,
        "measured": value,
    }
    if firing:
        store.insert_alert(uow, (*key, rule.name), {"since": clock.now(), "value": value})
        events.append(uow, _CALLER, catalogue.AlertFired(**said), workspace=workspace, subject=subject)
    else:
        store.drop_alert(uow, (*key, rule.name))
        events.append(uow, _CALLER, catalogue.AlertResolved(**said), workspace=workspace, subject=subject)


Figure = Callable[[slices.Slice], float | None]


def _quantile(share: float) -> Figure:
    return lambda window: summary.latency(window).quantile(share)


def _failed(window: slices.Slice) -> float:
    return sum(count for code, count in window.of("code").items() if answers.is_error(code))


def _requests(window: slices.Slice) -> float:
    return sum(window.of("code").values())


def _share(window: slices.Slice) -> float | None:
    whole = _requests(window)
    return 100 * _failed(window) / whole if whole else None


_FIGURES: dict[str, Figure] = {
    "RequestLatency": lambda window: summary.latency(window).mean(),
    "RequestLatency_P50": _quantile(0.5),
    "RequestLatency_P90": _quantile(0.9),
    "RequestLatency_P95": _quantile(0.95),
    "RequestLatency_P99": _quantile(0.99),
    "RequestsPerMinute": lambda window: 60 * _requests(window) / window.seconds if window.seconds else None,
    "Requests": _requests,
    "FailedRequests": _failed,
    "ErrorPercentage": _share,
    "InFlight": lambda window: window.peaks.get("in_flight", 0),
    "Queued": lambda window: window.peaks.get("queued", 0),
    "CpuUtilizationPercentage": lambda window: (
        100 * window.added.get("cpu_s", 0) / window.seconds / len(os.sched_getaffinity(0))
        if window.seconds
        else None
    ),
    "CpuMemoryUtilizationPercentage": lambda window: 100 * window.peaks.get("memory_bytes", 0) / _MEMORY,
    "Restarts": lambda window: window.added.get("restarts", 0),
}
