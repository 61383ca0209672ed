"""The next steps of one deployment, and its part of the router's state: functions of facts alone.

Steps are safe to repeat and may be lost: whoever comes next sees the facts again and decides the same.
"""

import dataclasses

from zaffre.server.endpoints.online import facts

MOST_FAILED_STARTS = 3
"""A process that was never ready may end this often before its revision counts as failed."""

_CANNOT_START = "zaffre: cannot start: "


@dataclasses.dataclass(frozen=True)
class Build:
    """Make the environment of a set."""

    replicas: str


@dataclasses.dataclass(frozen=True)
class Start:
    """Start a process, again if it has ended."""

    slot: facts.Slot


@dataclasses.dataclass(frozen=True)
class Sleep:
    """Let a process end and come back with the next request."""

    slot: facts.Slot


@dataclasses.dataclass(frozen=True)
class Wake:
    """Start a process that sleeps, without waiting for a request."""

    slot: facts.Slot


@dataclasses.dataclass(frozen=True)
class Stop:
    """Ask a drained process to end."""

    slot: facts.Slot


@dataclasses.dataclass(frozen=True)
class Remove:
    """Forget a process that has ended."""

    slot: facts.Slot


@dataclasses.dataclass(frozen=True)
class Fail:
    """The wanted revision will not come up."""

    reason: str
    last_lines: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Promote:
    """The wanted revision is ready: it serves, once the router has taken it."""


@dataclasses.dataclass(frozen=True)
class Forget:
    """Nothing is left of a deployment that was to be deleted."""


Step = Build | Start | Sleep | Wake | Stop | Remove | Fail | Promote | Forget


def steps(deployment: facts.Deployment) -> list[Step]:
    """What to do now, in this order."""
    failure = _failure(deployment)
    if failure is not None:
        return [failure]
    found: list[Step] = [*_coming(deployment), *_resting(deployment), *_leaving(deployment)]
    if deployment.deleting:
        return found if deployment.replicas else [Forget()]
    if deployment.takes_over():
        found.append(Promote())
    return found


def hosts(deployment: facts.Deployment) -> dict[str, dict[facts.Slot, bool]]:
    """The processes that the router should know, by set; true for those that get no new requests.

    Of a set that serves, processes that do not answer are left out while others do; when none does, all stay, so that
    the router tries them until they are back.
    """
    plan = deployment.plan()
    known: dict[str, dict[facts.Slot, bool]] = {}
    for slot, replica in sorted(deployment.replicas.items()):
        if slot not in plan:
            if replica.alive:
                known.setdefault(slot.replicas, {})[slot] = True
        elif replica.ready:
            known.setdefault(slot.replicas, {})[slot] = False
    serving = deployment.serving
    if serving and not deployment.deleting:
        here = known.setdefault(serving.replicas, {})
        if all(here.values()):
            here.update({slot: False for slot in serving.slots() if slot in deployment.replicas})
    target = deployment.target()
    if target is not None:
        known.setdefault(target.replicas, {})
    return known


def _failure(deployment: facts.Deployment) -> Fail | None:
    """Why the wanted revision will not come up, if it will not."""
    serving, wanted = deployment.serving, deployment.wanted
    if deployment.deleting or wanted.failed or (serving and serving.id == wanted.id):
        return None
    environment = deployment.environments.get(wanted.replicas, facts.Environment())
    if environment.state == "failed":
        return Fail(environment.reason)
    kept = set(serving.slots()) if serving else set()
    for slot in wanted.slots():
        if slot in kept:
            continue
        refusal, replica = deployment.refused.get(slot), deployment.replicas.get(slot)
        if refusal is not None and refusal.final:
            return Fail(f"Instance {slot.instance} cannot be started: {refusal.reason}")
        if replica is not None and _is_hopeless(replica):
            return Fail(_why(replica), replica.last_lines)
    return None


def _is_hopeless(replica: facts.Replica) -> bool:
    return replica.failed or (not replica.ever_ready and replica.restarts >= MOST_FAILED_STARTS)


def _why(replica: facts.Replica) -> str:
    number = replica.slot.instance
    said = next((line for line in reversed(replica.last_lines) if line.startswith(_CANNOT_START)), "")
    cause = f" {said.removeprefix(_CANNOT_START).rstrip('.')}." if said else ""
    return f"Instance {number} did not become ready: {replica.reason or 'it ended again and again'}.{cause}"


def _coming(deployment: facts.Deployment) -> list[Step]:
    """Processes to start; nothing is started before its environment is there, or while there is no room."""
    found: list[Step] = []
    building: set[str] = set()
    for slot in sorted(deployment.plan()):
        replica = deployment.replicas.get(slot)
        if replica is not None and (replica.alive or replica.failed):
            continue
        refusal = deployment.refused.get(slot)
        if refusal is not None and not refusal.due:
            continue
        if slot in deployment.unplaced or (deployment.no_room and not _serves(deployment, slot)):
            continue
        state = deployment.environments.get(slot.replicas, facts.Environment()).state
        if state == "ready":
            found.append(Start(slot))
        elif state == "unknown" and slot.replicas not in building:
            building.add(slot.replicas)
            found.append(Build(slot.replicas))
    return found


def _serves(deployment: facts.Deployment, slot: facts.Slot) -> bool:
    return deployment.serving is not None and slot in deployment.serving.slots()


def _resting(deployment: facts.Deployment) -> list[Step]:
    """Processes to send to sleep when nothing is under way to them, or to wake."""
    serving = deployment.serving
    if serving is None or deployment.deleting:
        return []
    found: list[Step] = []
    for slot in serving.slots():
        replica = deployment.replicas.get(slot)
        if replica is None or not replica.alive:
            continue
        if replica.asleep and not serving.asleep:
            found.append(Wake(slot))
        elif serving.asleep and replica.ready and replica.requests == 0:
            found.append(Sleep(slot))
    return found


def _leaving(deployment: facts.Deployment) -> list[Step]:
    """Processes to end: those outside the plan, when their last request is answered."""
    found: list[Step] = []
    for slot, replica in deployment.leaving().items():
        if not replica.alive:
            found.append(Remove(slot))
        elif not replica.stopping and _is_drained(deployment, replica):
            found.append(Stop(slot))
    return found


def _is_drained(deployment: facts.Deployment, replica: facts.Replica) -> bool:
    if replica.drained_for_s > deployment.drain_s:
        return True
    if not deployment.router_known:
        return False
    return replica.requests is None or (not replica.in_rotation and replica.requests == 0)
