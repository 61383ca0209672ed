"""Measures the deployments that scale by themselves, asks `verdict`, and writes down what changes.

Called by the reconciler before each of its steps; what is written, the steps then bring about. Only the windows of
measurements are kept in memory: after a restart they fill anew, and until then nothing is scaled in.
"""

import collections
import dataclasses
import datetime as dt
import math
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from zaffre.core import clock, errors
from zaffre.server import db
from zaffre.server.compute import ports, usage
from zaffre.server.endpoints.online import counting, facts, observing, outcomes
from zaffre.server.endpoints.online.scaling import history, verdict
from zaffre.server.endpoints.router import answers, envoy, stats

Services = Mapping[facts.Slot, ports.ServiceStatus]


@dataclasses.dataclass
class _Watched:
    """One deployment that scales, and what was read of it last."""

    seen: history.History
    due: float = 0.0
    counted: dict[str, stats.Cluster] = dataclasses.field(default_factory=dict)
    used: dict[int, usage.Usage] = dataclasses.field(default_factory=dict)
    used_at: float = 0.0
    changed: tuple[str, float] = ("", -math.inf)

    def rested_s(self, scale: Mapping[str, Any], now: float) -> float:
        """How long ago the server changed the number: by the clock of the wall only until this server has seen it, so
        that a clock that is set does not end or prolong a rest."""
        at = str(scale.get("at", "")) if scale.get("why") else ""
        if at and at != self.changed[0]:
            past_s = (clock.now() - clock.parse(at)).total_seconds()
            self.changed = (at, now - max(past_s, 0.0))
        return now - self.changed[1] if at else math.inf


class Scaler:
    """One for each reconciler. `limits_of` gives the size of an instance type; `cores` and `memory_bytes` the machine's."""

    def __init__(
        self,
        database: db.Database,
        router: envoy.Envoy,
        limits_of: Callable[[Any], ports.Limits],
        *,
        cores: float,
        memory_bytes: int,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._router = router
        self._limits_of = limits_of
        self._cores = cores
        self._memory_bytes = memory_bytes
        self._now = now
        self._watched: dict[tuple[str, str], _Watched] = {}

    def step(self, asked: observing.Asked, world: observing.World) -> bool:
        """Whether any number of instances was changed."""
        rows = [row for row in asked.deployments if row.serving and row.state != "Deleting"]
        scaled = [row for row in rows if counting.read(asked.revisions[row.serving]).policy is not None]
        keys = {(row.serving, row.etag) for row in scaled}
        self._watched = {key: item for key, item in self._watched.items() if key in keys}
        reading = self._reading() if scaled and world.hosts is not None else None
        changes = [self._look(asked, row, world.services, reading) for row in scaled]
        return any(changes)

    def _reading(self) -> stats.Reading | None:
        try:
            return self._router.stats()
        except errors.Unavailable:
            return None

    def _look(
        self, asked: observing.Asked, row: Any, services: Services, reading: stats.Reading | None
    ) -> bool:
        revision = asked.revisions[row.serving]
        policy = counting.read(revision).policy
        assert policy is not None
        now = self._now()
        new = _Watched(history.History(policy.longest_s + policy.poll_s, policy.poll_s))
        watched = self._watched.setdefault((row.serving, row.etag), new)
        sets = {slot.replicas for slot in services} & {revision.replicas, row.wanted}
        mine = {slot: status for slot, status in services.items() if slot.replicas in sets}
        if reading is not None and now >= watched.due:
            watched.due = now + policy.poll_s
            watched.seen.add(self._sample(watched, asked, row, mine, reading, now))
        count = int(row.scale.get("count", revision.instances))
        moment = clock.now()
        since = clock.parse(row.scale["at"]) if row.scale.get("at") else row.modified_at
        decided = verdict.decide(
            policy,
            policy.at(moment),
            watched.seen,
            count=count,
            rested_s=watched.rested_s(row.scale, now),
            woken=count == 0 and _was_woken(mine.values(), since),
        )
        if decided.count == count:
            return False
        with self._database.write() as uow:
            key = (row.workspace, row.endpoint, row.name)
            return outcomes.scaled(uow, key, row, previous=count, count=decided.count, why=decided.why)

    def _sample(
        self,
        watched: _Watched,
        asked: observing.Asked,
        row: Any,
        mine: Services,
        reading: stats.Reading,
        now: float,
    ) -> history.Sample:
        owners = {name: owner for name in reading.clusters if (owner := asked.owner(name))}
        beside = {
            name: owner[2] for name, owner in owners.items() if owner[:2] == (row.workspace, row.endpoint)
        }
        found = {name: item for name, item in reading.clusters.items() if name in beside}
        added = {name: item.since(watched.counted.get(name, item)) for name, item in found.items()}
        watched.counted = found
        spans = [added[name] for name in {slot.replicas for slot in mine} if name in added]
        latency = stats.Histogram()
        for span in spans:
            latency = latency.plus(span.latency_ms)
        cpu, memory = self._used(watched, asked.revisions[row.serving], mine, now)
        return history.Sample(
            at=now,
            in_flight=sum(span.in_flight for span in spans),
            requests=sum(span.completed for span in spans),
            latency_ms=latency,
            cpu=cpu,
            memory=memory,
            deployment=row.name,
            answers=_answers((beside[name], span) for name, span in added.items()),
        )

    def _used(
        self, watched: _Watched, revision: Any, mine: Services, now: float
    ) -> tuple[float | None, float | None]:
        """Per cent of what the instances may use, over the time since the look before; None where no rule asks."""
        known = counting.read(revision)
        if known.policy is None or not known.policy.measures("cpu", "memory"):
            return None, None
        serving = {slot: status.pid for slot, status in mine.items() if slot.replicas == revision.replicas}
        used = usage.read(pid for pid in serving.values() if pid)
        before, span_s = watched.used, now - watched.used_at
        watched.used, watched.used_at = used, now
        instances = len({slot.instance for slot, pid in serving.items() if pid in used})
        if not instances:
            return None, None
        limits = self._limits_of(known.entity)
        cores = min(limits.cpu_cores or self._cores, self._cores)
        memory = min(limits.memory_bytes or self._memory_bytes, self._memory_bytes)
        held = 100 * sum(item.memory_bytes for item in used.values()) / (memory * instances)
        spans = [max(item.cpu_s - before[pid].cpu_s, 0.0) for pid, item in used.items() if pid in before]
        busy = 100 * sum(spans) / (span_s * cores * instances) if spans and span_s > 0 else None
        return busy, held


def _answers(spans: Iterable[tuple[str, stats.Cluster]]) -> dict[tuple[str, int], float]:
    """How many answers of each deployment had which code, as clients saw them."""
    found: collections.Counter[tuple[str, int]] = collections.Counter()
    for deployment, span in spans:
        for code, count in answers.codes(span).items():
            found[deployment, code] += count
    return dict(found)


def _was_woken(services: Iterable[ports.ServiceStatus], since: dt.datetime) -> bool:
    """Whether a request has started a process since it was sent to sleep."""
    return any(status.woken_at and clock.parse(status.woken_at) > since for status in services)
