"""How many instances each revision of a deployment has now, read from its rows. Pure.

A fixed number stands in the revision; of an autoscaled deployment the row's `scale` tells the number that was last
decided, kept within what the revision allows at the moment.
"""

import dataclasses
import datetime as dt
import functools
from collections.abc import Mapping
from typing import Any

from zaffre.contracts import online_deployment as contract
from zaffre.contracts import wire
from zaffre.core import clock
from zaffre.server.endpoints.online import claims, facts, placing, quantities, settings
from zaffre.server.endpoints.online.scaling import policy


def revisions(
    row: Any, rows: Mapping[str, Any], now: dt.datetime
) -> tuple[facts.Revision, facts.Revision | None]:
    """The wanted and the serving revision of a deployment's row. Only what serves already may sleep."""
    wanted = _revision(rows[row.wanted], row.scale, now, may_sleep=row.wanted == row.serving)
    serving = _revision(rows[row.serving], row.scale, now, may_sleep=True) if row.serving else None
    return wanted, serving


def claim(row: Any, rows: Mapping[str, Any], deployment: facts.Deployment, now: dt.datetime) -> placing.Claim:
    """What the deployment holds and wants of the machine."""
    needs: dict[str, claims.Needs] = {}
    named = {row.wanted, row.serving, *(slot.replicas for slot in deployment.replicas)} - {None}
    for found in sorted((rows[name] for name in named), key=lambda item: item.created_at):
        needs.setdefault(found.replicas, claims.Needs(read(found).requested, found.created_at))
    asked = read(rows[row.serving]).policy if row.serving else None
    scale = None
    if asked is not None:
        scale = claims.Scale(asked.at(now).low, _moment(row.scale, rows[row.serving].created_at))
    key, arrived = (row.workspace, row.endpoint, row.name), rows[row.wanted].created_at
    return claims.claim(key, deployment, needs, arrived=arrived, scale=scale)


def first(deployment: contract.OnlineDeployment, *, before: Any, now: dt.datetime) -> dict[str, Any]:
    """The `scale` of a deployment whose change is accepted: as it was, unless a person set another number.

    `before` is its row, or None for a new one.
    """
    asked = policy.of(deployment)
    if asked is None:
        return {}
    count = asked.at(now).clamp(settings.instances(deployment))
    same = before is not None and before.body.get("instance_count") == deployment.instance_count
    if before is not None and same and before.scale.get("count"):
        return dict(before.scale)
    return {"count": count, "at": clock.isoformat(now), "why": ""}


def _revision(row: Any, scale: Mapping[str, Any], now: dt.datetime, *, may_sleep: bool) -> facts.Revision:
    known = read(row)
    return facts.Revision(
        id=row.id,
        replicas=row.replicas,
        instances=_count(known.policy, scale, row.instances, now, may_sleep=may_sleep),
        workers=settings.workers(known.entity),
        failed=row.state == "Failed",
    )


def _count(
    asked: policy.Policy | None,
    scale: Mapping[str, Any],
    fixed: int,
    now: dt.datetime,
    *,
    may_sleep: bool,
) -> int:
    if asked is None:
        return fixed
    count = int(scale.get("count", fixed))
    if count == 0 and may_sleep and asked.zero_after_s is not None:
        return 0
    return asked.at(now).clamp(count)


def _moment(scale: Mapping[str, Any], otherwise: dt.datetime) -> dt.datetime:
    return clock.parse(scale["at"]) if scale.get("at") else otherwise


@dataclasses.dataclass(frozen=True)
class Read:
    """A revision's body, understood."""

    entity: contract.OnlineDeployment
    policy: policy.Policy | None
    requested: quantities.Amount


class _Revision:
    """A revision's row as a key. Its body never changes, so that this finds it again by its id."""

    def __init__(self, row: Any) -> None:
        self.row = row

    def __hash__(self) -> int:
        return hash(self.row.id)

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, _Revision) and other.row.id == self.row.id
        return same and bool(other.row.body == self.row.body)  # type: ignore[attr-defined]  # looked at above


def read(row: Any) -> Read:
    """The body of a revision's row; each is read once, however often it is looked at."""
    return _read(_Revision(row))


@functools.lru_cache(maxsize=1024)
def _read(revision: _Revision) -> Read:
    entity: contract.OnlineDeployment = wire.from_answer("online-deployment", revision.row.body)
    return Read(entity, policy.of(entity), quantities.requested(entity))
