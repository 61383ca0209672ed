"""Who gets room on the machine: pure. Called by `observing` with what every deployment holds and still wants.

Whoever asked first is looked at first, and whoever fits is given room: a large one that waits does not stop a small one
behind it. But nobody who came later may take what an earlier one will need: a waiting one has room at the latest when
all that were there before it are gone, however many come after it.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from zaffre.server.endpoints.online import quantities

Key = tuple[str, str, str]
_TINY = 1e-9


@dataclasses.dataclass(frozen=True)
class Unit:
    """Instances that start together or not at all. `number` tells the units of one deployment apart."""

    number: int
    arrived: dt.datetime
    amount: quantities.Amount


@dataclasses.dataclass(frozen=True)
class Claim:
    """One deployment: what it holds, each part with the moment that it was asked for, and what it waits for."""

    key: Key
    held: tuple[tuple[dt.datetime, quantities.Amount], ...] = ()
    wants: tuple[Unit, ...] = ()


@dataclasses.dataclass(frozen=True)
class Placement:
    """The units that have room now; `why` says what the first of the others waits for."""

    granted: frozenset[int] = frozenset()
    why: str = ""


@dataclasses.dataclass
class _Waiting:
    """Somebody without room, and how much is held by those who came later."""

    key: Key
    amount: quantities.Amount
    later: quantities.Amount


def place(claims: Sequence[Claim], machine: quantities.Amount) -> dict[Key, Placement]:
    """What each deployment may start."""
    held = [part for claim in claims for part in claim.held]
    taken = quantities.total(amount for _, amount in held)
    queue = sorted(
        ((unit.arrived, claim.key, unit.number, unit.amount) for claim in claims for unit in claim.wants),
        key=lambda item: item[:3],
    )
    waiting: list[_Waiting] = []
    granted: dict[Key, set[int]] = {claim.key: set() for claim in claims}
    whys: dict[Key, str] = {}
    for arrived, key, number, amount in queue:
        why = quantities.no_room(amount, taken, machine) or _in_the_way(key, amount, waiting, machine)
        if not why:
            granted[key].add(number)
            taken = taken.plus(amount)
            for other in waiting:
                other.later = other.later.plus(amount)
            continue
        whys.setdefault(key, why)
        if not quantities.no_room(amount, quantities.Amount(), machine):  # what can never fit holds up nobody
            later = quantities.total(part for since, part in held if since > arrived)
            waiting.append(_Waiting(key, amount, later))
    return {key: Placement(frozenset(found), whys.get(key, "")) for key, found in granted.items()}


def _in_the_way(
    key: Key, amount: quantities.Amount, waiting: Iterable[_Waiting], machine: quantities.Amount
) -> str:
    """Who waits for room that this would take, or nothing."""
    for other in waiting:
        together = other.amount.plus(other.later).plus(amount)
        for name in _shared(other.amount, amount):
            if getattr(together, name) > getattr(machine, name) + _TINY and other.key != key:
                endpoint, deployment = other.key[1:]
                return f"endpoints/{endpoint}/deployments/{deployment} asked for room before it and still waits for it."
    return ""


def _shared(one: quantities.Amount, other: quantities.Amount) -> list[str]:
    names: Mapping[str, float] = dataclasses.asdict(one)
    return [name for name, value in names.items() if value and getattr(other, name)]
