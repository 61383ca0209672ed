"""What a deployment holds of the machine, and what it waits for, in the words of `placing`. Pure.

What serves keeps its room, also while a process of it is down. A revision that takes over gets room for all of its
instances or none, so that two never hold half each; instances that autoscaling adds get room one by one.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping

from zaffre.server.endpoints.online import facts, placing, quantities

TAKE_OVER = 0
"""The number of the unit that brings up the wanted revision; an added instance has its own number plus one."""


@dataclasses.dataclass(frozen=True)
class Needs:
    """What one instance of a set asks for, and when the set was asked for."""

    amount: quantities.Amount
    arrived: dt.datetime


@dataclasses.dataclass(frozen=True)
class Scale:
    """Of an autoscaled deployment: instances that it never goes below, and when it last grew."""

    base: int
    grew_at: dt.datetime


def claim(
    key: placing.Key,
    deployment: facts.Deployment,
    needs: Mapping[str, Needs],
    *,
    arrived: dt.datetime,
    scale: Scale | None = None,
) -> placing.Claim:
    """`needs` by set; sets that are not named there ask for nothing. `arrived`: when the wanted revision was asked for."""
    held = _held_instances(deployment, scale)
    parts = _parts(deployment, held, needs, scale)
    own = quantities.total(part for _, part in parts)
    wants = [*_take_over(deployment, held, needs, own, arrived), *_added_ones(deployment, held, needs, scale)]
    return placing.Claim(key, tuple(parts), tuple(wants))


def unplaced(
    deployment: facts.Deployment, placement: placing.Placement, held: placing.Claim
) -> dict[facts.Slot, str]:
    """The processes of the serving revision that have no room, and why."""
    waiting = {
        unit.number - 1
        for unit in held.wants
        if unit.number != TAKE_OVER and unit.number not in placement.granted
    }
    serving = deployment.serving
    return {slot: placement.why for slot in serving.slots() if slot.instance in waiting} if serving else {}


def no_room(placement: placing.Placement, held: placing.Claim) -> str:
    """Why the wanted revision may not start, or nothing."""
    asks = any(unit.number == TAKE_OVER for unit in held.wants)
    return placement.why if asks and TAKE_OVER not in placement.granted else ""


def _held_instances(deployment: facts.Deployment, scale: Scale | None) -> dict[str, set[int]]:
    """The instances that hold room, by set: what lives, what serves, and all of what has begun to take over."""
    held: dict[str, set[int]] = {}
    for slot, replica in deployment.replicas.items():
        if replica.alive:
            held.setdefault(slot.replicas, set()).add(slot.instance)
    if deployment.deleting:
        return held
    serving, coming = deployment.serving, _coming(deployment)
    if coming and held.get(coming.replicas, set()) & _added(deployment, coming):
        held[coming.replicas] |= _added(deployment, coming)
    if serving:
        kept = serving.present if scale is None else min(max(scale.base, 1), serving.present)
        held.setdefault(serving.replicas, set()).update(range(kept))
    return held


def _coming(deployment: facts.Deployment) -> facts.Revision | None:
    """The revision that is to take over, if there is one."""
    wanted, serving = deployment.wanted, deployment.serving
    settled = deployment.deleting or wanted.failed or (serving is not None and serving.id == wanted.id)
    return None if settled else wanted


def _added(deployment: facts.Deployment, coming: facts.Revision) -> set[int]:
    """The instances that the serving revision does not have already."""
    serving = deployment.serving
    shared = serving.present if serving and serving.replicas == coming.replicas else 0
    return set(range(shared, coming.present))


def _parts(
    deployment: facts.Deployment,
    held: Mapping[str, set[int]],
    needs: Mapping[str, Needs],
    scale: Scale | None,
) -> list[tuple[dt.datetime, quantities.Amount]]:
    """What is held, with when it was asked for. Cores and memory of two revisions are counted once, GPUs never."""
    parts: list[tuple[dt.datetime, quantities.Amount]] = []
    own = quantities.Amount()
    for set_id in sorted((name for name in held if name in needs), key=lambda name: needs[name].arrived):
        whole = _amount(deployment, set_id, held[set_id], needs[set_id])
        base = {number for number in held[set_id] if scale is None or number < scale.base}
        first = _amount(deployment, set_id, base, needs[set_id])
        parts.append((needs[set_id].arrived, first.beside(own)))
        if scale is not None and len(base) < len(held[set_id]):
            rest = whole.beside(own).beside(first.beside(own))
            grown = dataclasses.replace(rest, gpus=whole.gpus - first.gpus)
            parts.append((max(scale.grew_at, needs[set_id].arrived), grown))
        own = quantities.Amount(
            max(own.cpu_cores, whole.cpu_cores),
            max(own.memory_bytes, whole.memory_bytes),
            own.gpus + whole.gpus,
        )
    return parts


def _amount(
    deployment: facts.Deployment, set_id: str, instances: set[int], needs: Needs
) -> quantities.Amount:
    """What these instances take; GPUs that were handed out beyond what was asked for count, too."""
    handed_out: dict[int, int] = {}
    for slot, replica in deployment.replicas.items():
        if slot.replicas == set_id and replica.alive:
            handed_out[slot.instance] = max(handed_out.get(slot.instance, 0), len(replica.devices))
    gpus = sum(max(needs.amount.gpus, handed_out.get(number, 0)) for number in instances)
    return dataclasses.replace(needs.amount.times(len(instances)), gpus=gpus)


def _take_over(
    deployment: facts.Deployment,
    held: Mapping[str, set[int]],
    needs: Mapping[str, Needs],
    own: quantities.Amount,
    arrived: dt.datetime,
) -> list[placing.Unit]:
    """All that the wanted revision still needs, in one."""
    coming = _coming(deployment)
    if coming is None or coming.replicas not in needs:
        return []
    more = _added(deployment, coming) - held.get(coming.replicas, set())
    amount = needs[coming.replicas].amount.times(len(more))
    if coming.replicas not in held:
        amount = amount.beside(own)
    return [placing.Unit(TAKE_OVER, arrived, amount)] if more else []


def _added_ones(
    deployment: facts.Deployment,
    held: Mapping[str, set[int]],
    needs: Mapping[str, Needs],
    scale: Scale | None,
) -> list[placing.Unit]:
    """The instances that autoscaling wants beside those that are there, one by one."""
    serving = deployment.serving
    if serving is None or serving.replicas not in needs or scale is None or deployment.deleting:
        return []
    missing = set(range(serving.present)) - held.get(serving.replicas, set())
    one = needs[serving.replicas].amount
    return [placing.Unit(number + 1, scale.grew_at, one) for number in sorted(missing)]
