"""Brings the world to what is wanted: look, decide, act, tell the router, write down; again and again.

Level-triggered: nothing that matters is remembered between two steps, so that a crash between any two actions heals by
running the step again. Called by `workers.endpoints`.
"""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from zaffre.core import errors
from zaffre.server import db, operations, secrets
from zaffre.server.compute import ports
from zaffre.server.endpoints.online import (
    credentials,
    decide,
    facts,
    keys,
    materials,
    observing,
    outcomes,
    preparing,
    quantities,
    refusals,
    routing,
    scaler,
    secret_variables,
    starting,
    states,
    store,
)
from zaffre.server.endpoints.online import room as rooms
from zaffre.server.endpoints.router import envoy, tracing
from zaffre.server.secrets import signing

log = logging.getLogger(__name__)

BUSY_S = 0.1
IDLE_S = 1.0
_STOP_S = 10.0

Deployments = Mapping[store.DeploymentKey, facts.Deployment]


@dataclasses.dataclass(frozen=True)
class Means:
    """What it works with; `limits_of` and `gpus_of` give the size that an instance type's name means."""

    database: db.Database
    runner: ports.ServiceRunner
    router: envoy.Envoy
    preparations: preparing.Preparations
    box: secrets.Box
    limits_of: Callable[[str], ports.Limits]
    gpus_of: Callable[[str], int] = lambda _: 0
    # What replicas are told of traces (`replicas.Place.traces`).
    traces: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    tokens: rooms.Tokens = dataclasses.field(default_factory=rooms.Tokens)


class Reconciler:
    """One for each server."""

    def __init__(
        self,
        means: Means,
        *,
        machine: quantities.Amount,
        gpus: Sequence[str] = (),
        drain_s: float,
        start_timeout_s: float,
        domain: str = "",
    ) -> None:
        self._database = means.database
        self._runner = means.runner
        self._router = means.router
        self._preparations = means.preparations
        self._box = means.box
        whole = dataclasses.replace(machine, gpus=len(gpus))
        self._observer = observing.Observer(
            means.runner, means.router, means.preparations, drain_s=drain_s, machine=whole
        )
        sizes = starting.Sizes(means.limits_of, means.gpus_of)
        self._starter = starting.Starter(
            means.runner,
            means.preparations,
            sizes,
            start_timeout_s=start_timeout_s,
            gpus=gpus,
            traces=means.traces,
            secrets_of=secret_variables.Opener(means.database, means.box).values,
        )
        self._scaler = scaler.Scaler(
            means.database,
            means.router,
            lambda entity: starting.limits(sizes, entity),
            cores=machine.cpu_cores,
            memory_bytes=machine.memory_bytes,
        )
        self._domain = domain
        self._tokens = means.tokens
        self._traces = tracing.Tracing.of(means.traces)
        self._published = ""
        self._router_trouble = ""
        self._to_sweep = True
        self._refusals = refusals.Refusals()
        self._said: dict[str, tuple[float, str]] = {}
        self.before_removal: Callable[[], object] = lambda: None
        """Called before processes that have ended are forgotten, and with them what they counted."""

    def step(self) -> float:
        """Take one step everywhere; returns after how many seconds the next is due."""
        world = self._observer.world()
        asked = self._read(world)
        if self._scaler.step(asked, world):
            asked = self._read(world)
        self._starter.look(world.services)
        deployments = self._observer.deployments(asked, world, self._refusals.facts())
        self._refusals.keep({slot for deployment in deployments.values() for slot in deployment.plan()})
        decided = {key: decide.steps(deployment) for key, deployment in deployments.items()}
        if any(isinstance(step, decide.Remove) for steps in decided.values() for step in steps):
            self.before_removal()
        for slot in observing.orphans(asked, world):
            self._end_orphan(slot, world.services[slot])
        for key, steps in decided.items():
            self._act(asked, key, steps)
        self._preparations.keep(observing.sets_in_use(deployments.values(), world))
        told = self._tell_router(asked, deployments)
        deployments = {key: item.knowing(self._router_trouble) for key, item in deployments.items()}
        for key, steps in decided.items():
            self._write_down(key, deployments[key], steps, told=told)
        self._record(asked, deployments, told=told)
        busy = not told or any(decided.values()) or any(_is_moving(item) for item in deployments.values())
        self._sweep(deployments, world, decided, busy=busy)
        return BUSY_S if busy or any(_is_unsettled(row) for row in asked.endpoints) else IDLE_S

    def _read(self, world: observing.World) -> observing.Asked:
        with self._database.read() as uow:
            self._published = signing.published(uow)
            return observing.Asked.read(uow, {slot.replicas for slot in world.services})

    def _act(self, asked: observing.Asked, key: store.DeploymentKey, steps: list[decide.Step]) -> None:
        """Do what touches processes. What cannot be done now is seen and tried again by the next step."""
        for step in steps:
            try:
                match step:
                    case decide.Build(set_id):
                        row = asked.revisions[set_id]
                        self._preparations.begin(set_id, row.workspace, row.resolved)
                    case decide.Start(slot):
                        self._start(asked, slot)
                    case decide.Sleep(slot):
                        self._runner.rest(slot.service_id, asleep=True, drain_s=_STOP_S)
                    case decide.Wake(slot):
                        self._runner.rest(slot.service_id, asleep=False)
                    case decide.Stop(slot):
                        self._runner.stop(slot.service_id, drain_s=_STOP_S)
                    case decide.Remove(slot):
                        self._runner.remove(slot.service_id)
                    case _:
                        pass  # the others are written down once the router has taken its part
            except (errors.ZaffreError, OSError) as error:
                log.warning("%s of %s: %s", type(step).__name__, "/".join(key), error)

    def _start(self, asked: observing.Asked, slot: facts.Slot) -> None:
        try:
            self._starter.start(asked, slot)
        except (errors.ZaffreError, OSError) as error:
            if self._refusals.add(slot, error):
                log.warning("%s is not started: %s", slot.service_id, error)
        else:
            self._refusals.forget(slot)

    def _end_orphan(self, slot: facts.Slot, status: ports.ServiceStatus) -> None:
        log.warning("ending %s, which belongs to no deployment", slot.service_id)
        if status.alive:
            self._runner.stop(slot.service_id, drain_s=_STOP_S)
        else:
            self._runner.remove(slot.service_id)

    def _tell_router(self, asked: observing.Asked, deployments: Deployments) -> bool:
        """Whether the router does now what it should; if not, everything that waits for it waits on."""
        wish = routing.wish(
            asked,
            deployments,
            paths_of=lambda slot: self._runner.paths(slot.service_id),
            keys_of=lambda row: keys.opened(self._box, row.sealed_keys),
            domain=self._domain,
        )
        wish = credentials.with_tokens(wish, asked.endpoints, self._tokens, self._published)
        wish = dataclasses.replace(wish, traces=self._traces)
        trouble = ""
        try:
            self._router.ensure_running()
            self._router.apply(wish)
        except errors.Unavailable as error:
            trouble = str(error)
            if trouble != self._router_trouble:
                log.warning("%s", trouble)
        self._router_trouble = trouble
        return not trouble

    def _write_down(
        self, key: store.DeploymentKey, deployment: facts.Deployment, steps: list[decide.Step], *, told: bool
    ) -> None:
        wanted = deployment.wanted
        for step in steps:
            match step:
                case decide.Promote() if told:
                    made_from = self._preparations.made_from(wanted.replicas)
                    with self._database.write() as uow:
                        outcomes.promoted(uow, key, wanted.id, made_from=made_from)
                case decide.Fail(reason, lines):
                    self._preparations.forget(wanted.replicas)
                    with self._database.write() as uow:
                        outcomes.failed(uow, key, wanted.id, reason=reason, last_lines=lines)
                case decide.Forget() if told:
                    with self._database.write() as uow:
                        outcomes.forgotten(uow, key)
                case _:
                    pass

    def _record(self, asked: observing.Asked, deployments: Deployments, *, told: bool) -> None:
        """Write states that changed, end what waited for the router, and remove endpoints that are empty."""
        for row in asked.deployments:
            key = (row.workspace, row.endpoint, row.name)
            values = states.observed(deployments[key])
            if any(getattr(row, name) != value for name, value in values.items()):
                with self._database.write() as uow:
                    outcomes.observed(uow, key, row, values)
            self._tell_progress(row, deployments[key])
        known = {row.operation for row in asked.deployments}
        self._said = {operation: said for operation, said in self._said.items() if operation in known}
        for row in asked.endpoints:
            mine = asked.deployments_of(row)
            if not told:
                if _is_unsettled(row) and row.reason != self._router_trouble:
                    with self._database.write() as uow:
                        outcomes.blocked(uow, (row.workspace, row.name), row.etag, self._router_trouble)
            elif row.state == "Deleting":
                if not mine:
                    with self._database.write() as uow:
                        outcomes.emptied(uow, (row.workspace, row.name))
            elif _is_unsettled(row) or any(_waits_for_router(item) for item in mine):
                with self._database.write() as uow:
                    outcomes.settled(uow, (row.workspace, row.name), row.etag)

    def _tell_progress(self, row: Any, deployment: facts.Deployment) -> None:
        """Say how far the work is to whoever polls its operation, when there is something new to say."""
        said = states.progress(deployment)
        under_way = row.state not in states.FINAL or deployment.router_trouble
        if row.operation and under_way and self._said.get(row.operation) != said:
            with self._database.write() as uow:
                operations.advance(uow, row.operation, progress=said[0], message=said[1])
            self._said[row.operation] = said

    def _sweep(
        self,
        deployments: Deployments,
        world: observing.World,
        decided: Mapping[store.DeploymentKey, list[decide.Step]],
        *,
        busy: bool,
    ) -> None:
        """Remove files that no process needs, some time after a process was removed."""
        steps = [step for found in decided.values() for step in found]
        self._to_sweep = self._to_sweep or any(
            isinstance(step, decide.Remove | decide.Forget) for step in steps
        )
        if self._to_sweep and not busy:
            materials.sweep(self._preparations.folder, observing.sets_in_use(deployments.values(), world))
            self._to_sweep = False


def _is_moving(deployment: facts.Deployment) -> bool:
    """Whether something is under way that the next look should find soon."""
    unsettled = states.provisioning(deployment) not in states.FINAL and not deployment.no_room
    return unsettled or bool(deployment.leaving())


def _is_unsettled(row: Any) -> bool:
    running = {kind: row.body.get(kind, {}) for kind in ("traffic", "mirror_traffic")}
    return row.state != "Succeeded" or row.operation is not None or row.running != running


def _waits_for_router(row: Any) -> bool:
    return row.operation is not None and row.state == "Succeeded" and row.serving == row.wanted
