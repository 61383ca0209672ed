"""What is known of one deployment at one moment, in plain values. `reconcile` gathers it; `decide` and `states` read it."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

EnvironmentState = Literal["unknown", "building", "ready", "failed"]


@dataclasses.dataclass(frozen=True)
class Revision:
    """A revision as far as processes go. `replicas` names the set of processes that it runs on.

    One without instances sleeps: one process is kept, which is down until a request comes.
    """

    id: str
    replicas: str
    instances: int = 1
    workers: int = 1
    failed: bool = False

    @property
    def asleep(self) -> bool:
        """Whether it waits for a request with nothing running."""
        return self.instances == 0

    @property
    def present(self) -> int:
        """The instances that have a place, be it only to sleep in."""
        return max(self.instances, 1)

    def slots(self) -> list["Slot"]:
        """The processes that it wants."""
        if self.asleep:
            return [Slot(self.replicas, 0, 0)]
        return [
            Slot(self.replicas, instance, worker)
            for instance in range(self.instances)
            for worker in range(self.workers)
        ]


@dataclasses.dataclass(frozen=True, order=True)
class Slot:
    """The place of one process: worker `worker` of instance `instance` of a set."""

    replicas: str
    instance: int
    worker: int

    @property
    def service_id(self) -> str:
        """The id that the runner knows it by."""
        return f"{self.replicas}.{self.instance}.{self.worker}"

    @classmethod
    def parse(cls, service_id: str) -> "Slot | None":
        """The slot of a service id, or None when the service is no replica."""
        parts = service_id.split(".")
        if len(parts) != 3 or not parts[0].startswith("r") or not (parts[1] + parts[2]).isdigit():
            return None
        return cls(parts[0], int(parts[1]), int(parts[2]))


@dataclasses.dataclass(frozen=True)
class Replica:
    """One process. `requests` is how many the router has under way to it, None when the router does not know it."""

    slot: Slot
    alive: bool = True
    ready: bool = False
    failed: bool = False
    stopping: bool = False
    ever_ready: bool = False
    restarts: int = 0
    reason: str = ""
    last_lines: tuple[str, ...] = ()
    in_rotation: bool = False
    requests: int | None = None
    drained_for_s: float = 0.0
    asleep: bool = False
    waking: bool = False
    devices: tuple[str, ...] = ()
    # What the machine does not do for it, and why; empty where it does.
    not_isolated: str = ""
    not_limited: str = ""


@dataclasses.dataclass(frozen=True)
class Environment:
    """How far the environment of a set is."""

    state: EnvironmentState = "unknown"
    reason: str = ""


@dataclasses.dataclass(frozen=True)
class Refusal:
    """Why a process was not started. `final`: the same again will not help; `due`: it is to be tried now all the same."""

    reason: str
    final: bool
    due: bool = False


@dataclasses.dataclass(frozen=True)
class Deployment:
    """One deployment: what it should run, what it runs, and the processes that exist for it."""

    wanted: Revision
    serving: Revision | None = None
    deleting: bool = False
    replicas: Mapping[Slot, Replica] = dataclasses.field(default_factory=dict)
    environments: Mapping[str, Environment] = dataclasses.field(default_factory=dict)
    no_room: str = ""
    # Processes of the serving revision that autoscaling asked for and the machine has no room for, and why.
    unplaced: Mapping[Slot, str] = dataclasses.field(default_factory=dict)
    refused: Mapping[Slot, Refusal] = dataclasses.field(default_factory=dict)
    drain_s: float = 30.0
    router_known: bool = True
    # Why the router does not do what it should; empty when it does.
    router_trouble: str = ""

    def plan(self) -> set[Slot]:
        """The processes that should live. The serving revision keeps its own until the wanted one has taken over."""
        if self.deleting:
            return set()
        kept = set(self.serving.slots()) if self.serving else set()
        if self.wanted.failed or (self.serving and self.serving.id == self.wanted.id):
            return kept
        return kept | set(self.wanted.slots())

    def leaving(self) -> dict[Slot, Replica]:
        """The processes outside the plan; those of a failed revision that have ended stay, for their logs."""
        plan = self.plan()
        read = self.wanted.replicas if self.wanted.failed and not self.deleting else None
        return {
            slot: replica
            for slot, replica in sorted(self.replicas.items())
            if slot not in plan and (replica.alive or slot.replicas != read)
        }

    def knowing(self, router_trouble: str) -> "Deployment":
        """The same, once the router was told what it should do."""
        return dataclasses.replace(self, router_trouble=router_trouble) if router_trouble else self

    def takes_over(self) -> bool:
        """Whether the wanted revision is ready to serve, and only the router has still to take it."""
        already = self.serving is not None and self.serving.id == self.wanted.id
        return not already and not self.wanted.failed and self.is_ready(self.wanted)

    def is_ready(self, revision: Revision) -> bool:
        """Whether every process of the revision answers."""
        return all(self._ready(slot) for slot in revision.slots())

    def target(self) -> Revision | None:
        """The revision that requests should go to: the wanted one once all of it is ready, the serving one until then."""
        if self.deleting:
            return None
        if not self.wanted.failed and self.is_ready(self.wanted):
            return self.wanted
        return self.serving

    def ready_instances(self, revision: Revision) -> int:
        """How many instances answer with every worker."""
        return sum(
            all(self._ready(Slot(revision.replicas, instance, worker)) for worker in range(revision.workers))
            for instance in range(revision.instances)
        )

    def notes(self) -> dict[str, str]:
        """What the processes that live lack: to be kept apart from others, or within their limits."""
        here = [replica for _, replica in sorted(self.replicas.items()) if replica.alive]
        found = {
            "isolation": next((one.not_isolated for one in here if one.not_isolated), ""),
            "limits": next((one.not_limited for one in here if one.not_limited), ""),
        }
        return {kind: note for kind, note in found.items() if note}

    def _ready(self, slot: Slot) -> bool:
        replica = self.replicas.get(slot)
        return replica is not None and (replica.ready or replica.asleep)
