"""Looks every few seconds and writes down what each deployment did since the look before. Driven by `workers.telemetry`.

Where counters stood is kept in the database with the slices, in one transaction: after a restart of the control plane the
next look finds what was counted meanwhile, and nothing twice.
"""

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping

from zaffre.core import clock
from zaffre.server import db
from zaffre.server.compute import ports
from zaffre.server.endpoints.online import observing
from zaffre.server.endpoints.router import answers, envoy
from zaffre.server.endpoints.telemetry import looking, slices, store

Key = store.Key
_AHEAD_MS = 120_000


@dataclasses.dataclass(frozen=True)
class Sampled:
    """One look, sorted by deployment. `totals` add up since this server began to look."""

    at_ms: int
    look: looking.Look
    owners: Mapping[str, Key]
    totals: Mapping[Key, Mapping[str, float]]


After = Callable[[db.UnitOfWork, observing.Asked], None]


class Sampler:
    """One for each server; of several servers on one database, the one that reconciles looks."""

    def __init__(
        self,
        database: db.Database,
        runner: ports.ServiceRunner,
        router: envoy.Envoy,
        *,
        interval_s: float,
        retention_s: float,
        after: After | None = None,
    ) -> None:
        self._after = after
        self._database = database
        self._runner = runner
        self._router = router
        self._interval_s = interval_s
        self._retention_s = retention_s
        self._one_at_a_time = threading.Lock()
        self._looked_at: float | None = None
        self._totals: dict[Key, dict[str, float]] = {}
        self.newest: Sampled | None = None

    def step(self) -> float:
        """Look once; returns after how many seconds the next look is due. Any thread."""
        with self._one_at_a_time:
            return self._step()

    def _step(self) -> float:
        began = time.monotonic()
        look = looking.look(self._runner, self._router)
        with self._database.read() as uow:
            asked = observing.Asked.read(uow, look.readings)
        owners = {set_id: key for set_id in look.readings if (key := asked.owner(set_id)) is not None}
        with self._database.write() as uow:
            grown = self._mark(uow, look, owners)
            self._write(uow, look, owners, grown, {_key(row) for row in asked.deployments})
            if self._after is not None:
                self._after(uow, asked)
        self._looked_at = began
        self.newest = self._sampled(look, owners)
        return max(self._interval_s - (time.monotonic() - began), 0.1)

    def _mark(
        self, uow: db.UnitOfWork, look: looking.Look, owners: Mapping[str, Key]
    ) -> dict[Key, dict[str, float]]:
        """What every deployment's sources have added since the last marks, which move to where they stand now."""
        before = {row.source: slices.Reading(row.epoch, row.counts) for row in store.list_marks(uow)}
        now: dict[str, tuple[str, slices.Counts]] = {}
        grown: dict[Key, list[dict[str, float]]] = {}
        for set_id, key in owners.items():
            for source, reading in look.readings[set_id].items():
                if reading != before.get(source):
                    now[source] = (reading.epoch, reading.counts)
                grown.setdefault(key, []).append(slices.growth(reading, before.get(source)))
        present = {source for sources in look.readings.values() for source in sources}
        # A router that does not answer now still knows its counts when it does again.
        gone = {
            source for source in before if source not in present and (look.router or source[:7] != "router/")
        }
        store.replace_marks(uow, gone, now)
        return {key: slices.total(parts) for key, parts in grown.items()}

    def _write(
        self,
        uow: db.UnitOfWork,
        look: looking.Look,
        owners: Mapping[str, Key],
        grown: Mapping[Key, Mapping[str, float]],
        deployments: set[Key],
    ) -> None:
        at_ms = now_ms()
        seconds = self._interval_s if self._looked_at is None else time.monotonic() - self._looked_at
        rows = []
        for key, added in grown.items():
            mine = [set_id for set_id, owner in owners.items() if owner == key]
            counted, peaks = answers.as_clients_saw(added), present(look, mine)
            self._totals[key] = slices.total([self._totals.get(key, {}), counted])
            counted.update(looks=1, memory_sum=peaks["memory_bytes"], instances_sum=peaks["instances"])
            rows.append(
                dict(zip(("workspace", "endpoint", "deployment"), key, strict=True))
                | {"at_ms": at_ms, "seconds": seconds, "added": counted, "peaks": peaks}
            )
        store.insert_slices(uow, rows)
        store.drop_outside(uow, from_ms=at_ms - int(self._retention_s * 1000), to_ms=at_ms + _AHEAD_MS)
        for key in store.keys(uow) - deployments:
            store.drop_slices(uow, key)
        self._totals = {key: total for key, total in self._totals.items() if key in deployments}

    def _sampled(self, look: looking.Look, owners: Mapping[str, Key]) -> Sampled:
        return Sampled(now_ms(), look, owners, dict(self._totals))


def now_ms() -> int:
    """This moment in milliseconds since 1970."""
    return int(clock.now().timestamp() * 1000)


def _key(row: object) -> Key:
    return row.workspace, row.endpoint, row.name  # type: ignore[attr-defined]  # a row of a table


def present(look: looking.Look, sets: list[str]) -> dict[str, float]:
    """What is so now, over all processes of a deployment."""
    instances = [item for set_id in sets for item in look.of_set(set_id)]
    loads = [look.loads.get(set_id, looking.Load()) for set_id in sets]
    return {
        "memory_bytes": sum(item.memory_bytes for item in instances),
        "instances": len({(item.slot.replicas, item.slot.instance) for item in instances if item.up}),
        "in_flight": sum(load.in_flight for load in loads),
        "queued": sum(load.pending for load in loads) + sum(item.waiting for item in instances),
    }
