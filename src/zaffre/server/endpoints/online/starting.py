"""Starts the process of a slot: with what was prepared for it, within its size, with GPUs that nobody else has.

Called by the reconciler. What could not be had now is asked for again by its next step.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zaffre.contracts import online_deployment as contract
from zaffre.core import errors
from zaffre.server.compute import ports
from zaffre.server.endpoints.online import (
    counting,
    devices,
    facts,
    observing,
    preparing,
    quantities,
    replicas,
)

SecretsOf = Callable[[str, Mapping[str, Any]], Mapping[str, str]]
"""Given a workspace and a revision's body: the values of its variables that are secrets."""


@dataclasses.dataclass(frozen=True)
class Sizes:
    """What the name of an instance type means: upper limits, and a number of GPUs."""

    limits_of: Callable[[str], ports.Limits]
    gpus_of: Callable[[str], int]


class Starter:
    """`gpus` are the ids of all GPUs of the machine."""

    def __init__(
        self,
        runner: ports.ServiceRunner,
        preparations: preparing.Preparations,
        sizes: Sizes,
        *,
        start_timeout_s: float,
        gpus: Sequence[str] = (),
        traces: Mapping[str, Any] | None = None,
        secrets_of: SecretsOf = lambda _workspace, _body: {},  # a place without secrets
    ) -> None:
        self._traces = traces or {}
        self._runner = runner
        self._preparations = preparations
        self._sizes = sizes
        self._start_timeout_s = start_timeout_s
        self._devices = devices.Devices(gpus)
        self._secrets_of = secrets_of

    def look(self, services: Mapping[facts.Slot, ports.ServiceStatus]) -> None:
        """Who lives now, and so which GPUs are taken."""
        self._devices.look({slot: status.devices for slot, status in services.items() if status.alive})

    def start(self, asked: observing.Asked, slot: facts.Slot) -> None:
        """Start it. Raises Unavailable when its GPUs are not free yet, and whatever the runner raises."""
        row = asked.revisions[slot.replicas]
        entity = counting.read(row).entity
        place = replicas.Place(
            paths=self._runner.paths(slot.service_id),
            binds=self._runner.capabilities().binds,
            start_timeout_s=self._start_timeout_s,
            limits=self._sizes.limits_of(entity.instance_type) if entity.instance_type else ports.Limits(),
            devices=self._take(slot, entity),
            traces=self._traces,
        )
        prepared = self._preparations.result(slot.replicas)
        resolved = prepared.resolved or row.resolved
        spec = replicas.spec(slot, entity, prepared, place, workspace=row.workspace, resolved=resolved)
        hidden = self._secrets_of(row.workspace, row.body)
        self._runner.start(dataclasses.replace(spec, secret_environment=hidden))

    def _take(self, slot: facts.Slot, entity: contract.OnlineDeployment) -> tuple[str, ...] | None:
        """What was asked for by number; a size that has GPUs takes what is left. None where the machine has none."""
        if not self._devices.ids:
            return None
        count = quantities.requested(entity).gpus
        by_size = 0 if count or not entity.instance_type else self._sizes.gpus_of(entity.instance_type)
        taken = self._devices.take(slot, count or by_size, at_most=not count)
        if taken is None:
            raise errors.Unavailable(
                f"{slot.service_id} waits for {count} GPUs that others still have.", hint="It is tried again."
            )
        return taken


def limits(sizes: Sizes, entity: contract.OnlineDeployment) -> ports.Limits:
    """What one instance may not exceed."""
    by_type = sizes.limits_of(entity.instance_type) if entity.instance_type else ports.Limits()
    return replicas.limits(entity, by_type)
