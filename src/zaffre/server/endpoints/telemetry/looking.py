"""One look at everything that serves: the router's counts, the replicas' files, their processes. Called by `sampler`.

Nothing is remembered here, and nothing here asks the database: `Look` holds what was seen, by source.
"""

import dataclasses
from collections.abc import Mapping

from zaffre.core import errors
from zaffre.server.compute import ports, usage
from zaffre.server.endpoints.online import facts, replicas
from zaffre.server.endpoints.router import envoy, stats
from zaffre.server.endpoints.telemetry import counts, slices


@dataclasses.dataclass(frozen=True)
class Instance:
    """One process now. `cpu_s` and `scored` count since it started, `restarts` since its slot was filled."""

    slot: facts.Slot
    up: bool
    restarts: int
    cpu_s: float = 0.0
    memory_bytes: int = 0
    scored: float = 0.0
    waiting: int = 0


@dataclasses.dataclass(frozen=True)
class Load:
    """What is under way at one set of replicas: requests that were let in, and those of them that wait."""

    in_flight: int = 0
    pending: int = 0


@dataclasses.dataclass(frozen=True)
class Look:
    """What was seen at one moment. Sources belong to a set of replicas: `readings[set][source]`."""

    readings: Mapping[str, Mapping[str, slices.Reading]]
    instances: tuple[Instance, ...]
    loads: Mapping[str, Load]
    router: stats.Reading | None

    def of_set(self, set_id: str) -> list[Instance]:
        """The processes of a set."""
        return [item for item in self.instances if item.slot.replicas == set_id]


def look(runner: ports.ServiceRunner, router: envoy.Envoy) -> Look:
    """See everything now. A router that does not answer is left out; the rest is seen all the same."""
    services = _services(runner)
    used = usage.read(status.pid for status in services.values() if status.alive and status.pid)
    readings: dict[str, dict[str, slices.Reading]] = {}
    instances = []
    for slot, status in services.items():
        mine = readings.setdefault(slot.replicas, {})
        instance, counted = _instance(runner, slot, status, used)
        instances.append(instance)
        name = slot.service_id
        mine[f"shim/{name}"] = slices.Reading(status.id, {"restarts": status.restarts})
        if status.pid in used:
            mine[f"process/{name}"] = slices.Reading(str(status.pid), {"cpu_s": instance.cpu_s})
        if counted is not None:
            mine[f"replica/{name}"] = counted.reading
    seen = _router(router)
    loads: dict[str, Load] = {}
    if seen is not None:
        epoch, reading = seen
        for set_id, cluster in reading.clusters.items():
            readings.setdefault(set_id, {})[f"router/{set_id}"] = slices.Reading(epoch, _counted(cluster))
            loads[set_id] = Load(cluster.in_flight, cluster.pending)
    return Look(readings, tuple(instances), loads, seen[1] if seen else None)


def _services(runner: ports.ServiceRunner) -> dict[facts.Slot, ports.ServiceStatus]:
    found = {}
    for service_id in runner.list():
        slot = facts.Slot.parse(service_id)
        if slot is not None:
            try:
                found[slot] = runner.status(service_id)
            except errors.NotFound:
                continue  # removed between the two looks
    return found


def _instance(
    runner: ports.ServiceRunner,
    slot: facts.Slot,
    status: ports.ServiceStatus,
    used: Mapping[int, usage.Usage],
) -> tuple[Instance, counts.Counted | None]:
    counted = counts.read(runner.paths(slot.service_id).scratch / replicas.COUNTS)
    spent = used.get(status.pid or 0, usage.Usage())
    instance = Instance(
        slot,
        up=status.alive and status.state == "running",
        restarts=status.restarts,
        cpu_s=spent.cpu_s,
        memory_bytes=spent.memory_bytes,
        scored=counted.reading.counts["scored"] if counted else 0,
        waiting=counted.waiting if counted and status.alive else 0,
    )
    return instance, counted


def _router(router: envoy.Envoy) -> tuple[str, stats.Reading] | None:
    """What the router counted, and which of its lives it counted that in."""
    try:
        life = router.life()
        return f"{life.pid} {life.started_at}", router.stats()
    except (errors.Unavailable, errors.NotFound):
        return None


def _counted(cluster: stats.Cluster) -> dict[str, float]:
    """A cluster's counters by the names of slices."""
    found: dict[str, float] = {f"code.{code}": count for code, count in cluster.codes.items()}
    found.update(refused=cluster.refused, timed_out=cluster.timed_out, retried=cluster.retried)
    below = 0
    for place, count in enumerate(cluster.latency_ms.counts):
        found[f"latency.{place}"] = max(count - below, 0)
        below = max(count, below)
    return {name: count for name, count in found.items() if count}
