"""Gathers the facts of every deployment: rows of the database, processes of the runner, hosts of the router."""

import dataclasses
import datetime as dt
import time
from collections.abc import Iterable, Mapping
from typing import Any

from zaffre.core import clock, errors
from zaffre.server import db
from zaffre.server.compute import ports
from zaffre.server.endpoints.online import claims, counting, facts, placing, preparing, quantities, store
from zaffre.server.endpoints.router import admin, envoy

NO_LIMITS = "no limits are set"
"""What the runner says of a service that was given none."""

RouterHosts = Mapping[str, Mapping[str, admin.HostState]]


@dataclasses.dataclass(frozen=True)
class Asked:
    """The rows of one moment."""

    endpoints: tuple[Any, ...]
    deployments: tuple[Any, ...]
    revisions: Mapping[str, Any]

    @classmethod
    def read(cls, uow: db.UnitOfWork, sets: Iterable[str]) -> "Asked":
        """Everything asked for, and whatever revisions the running sets (named by their first revision) belong to."""
        found = tuple(store.list_deployments(uow))
        ids = {row.wanted for row in found} | {row.serving for row in found if row.serving} | set(sets)
        rows = {row.id: row for row in store.get_revisions(uow, sorted(ids))}
        return cls(tuple(store.list_endpoints(uow)), found, rows)

    def owner(self, set_id: str) -> store.DeploymentKey | None:
        """Whose processes a set is."""
        row = self.revisions.get(set_id)
        return None if row is None else (row.workspace, row.endpoint, row.deployment)

    def deployments_of(self, endpoint: Any) -> list[Any]:
        """The deployments of an endpoint."""
        return [
            row
            for row in self.deployments
            if (row.workspace, row.endpoint) == (endpoint.workspace, endpoint.name)
        ]


@dataclasses.dataclass(frozen=True)
class World:
    """The processes that exist, and what the router knows; None when the router does not answer."""

    services: Mapping[facts.Slot, ports.ServiceStatus]
    hosts: RouterHosts | None


class Observer:
    """Looks at the world. Remembers only since when a process is being drained."""

    def __init__(
        self,
        runner: ports.ServiceRunner,
        router: envoy.Envoy,
        preparations: preparing.Preparations,
        *,
        drain_s: float,
        machine: quantities.Amount,
    ) -> None:
        self._runner = runner
        self._router = router
        self._preparations = preparations
        self._drain_s = drain_s
        self._machine = machine
        self._draining_since: dict[facts.Slot, float] = {}

    def world(self) -> World:
        """What exists now."""
        services: dict[facts.Slot, ports.ServiceStatus] = {}
        for service_id in self._runner.list():
            slot = facts.Slot.parse(service_id)
            if slot is not None:
                try:
                    services[slot] = self._runner.status(service_id)
                except errors.NotFound:
                    continue  # removed between the two looks
        try:
            hosts: RouterHosts | None = self._router.hosts()
        except errors.Unavailable:
            hosts = None
        self._draining_since = {slot: at for slot, at in self._draining_since.items() if slot in services}
        return World(services, hosts)

    def deployments(
        self, asked: Asked, world: World, refused: Mapping[facts.Slot, facts.Refusal]
    ) -> dict[store.DeploymentKey, facts.Deployment]:
        """The facts of every deployment, oldest first."""
        found: dict[store.DeploymentKey, facts.Deployment] = {}
        claimed: dict[store.DeploymentKey, placing.Claim] = {}
        now = clock.now()
        for row in asked.deployments:
            key = (row.workspace, row.endpoint, row.name)
            found[key] = self._deployment(row, asked, world, now)
            claimed[key] = counting.claim(row, asked.revisions, found[key], now)
        placed = placing.place(list(claimed.values()), self._machine)
        return {
            key: dataclasses.replace(
                deployment,
                no_room=claims.no_room(placed[key], claimed[key]),
                unplaced=claims.unplaced(deployment, placed[key], claimed[key]),
                refused=refused,
            )
            for key, deployment in found.items()
        }

    def _deployment(self, row: Any, asked: Asked, world: World, now: dt.datetime) -> facts.Deployment:
        wanted, serving = counting.revisions(row, asked.revisions, now)
        mine = (row.workspace, row.endpoint, row.name)
        sets = {revision.replicas for revision in (wanted, serving) if revision}
        deployment = facts.Deployment(
            wanted=wanted,
            serving=serving,
            deleting=row.state == "Deleting",
            replicas={},
            environments={set_id: self._preparations.state(set_id) for set_id in sets},
            drain_s=self._drain_s,
            router_known=world.hosts is not None,
        )
        plan = deployment.plan()
        replicas = {
            slot: self._replica(slot, status, world, planned=slot in plan)
            for slot, status in world.services.items()
            if asked.owner(slot.replicas) == mine
        }
        return dataclasses.replace(deployment, replicas=replicas)

    def _replica(
        self, slot: facts.Slot, status: ports.ServiceStatus, world: World, *, planned: bool
    ) -> facts.Replica:
        if planned:
            self._draining_since.pop(slot, None)
            drained_for_s = 0.0
        else:
            drained_for_s = time.monotonic() - self._draining_since.setdefault(slot, time.monotonic())
        paths = self._runner.paths(slot.service_id)
        known = (world.hosts or {}).get(slot.replicas, {})
        host, door = known.get(str(paths.socket)), known.get(str(paths.door))
        ending = status.last_exit
        return facts.Replica(
            slot=slot,
            alive=status.alive,
            ready=status.alive and status.state == "running",
            failed=status.state == "failed",
            stopping=status.state == "stopping",
            ever_ready=status.ready_at is not None,
            restarts=status.restarts,
            reason=status.reason or (ending.reason if ending and status.state != "running" else ""),
            last_lines=ending.last_lines if ending else (),
            in_rotation=bool(host and host.healthy),
            requests=host.active + (door.active if door else 0) if host else None,
            drained_for_s=drained_for_s,
            asleep=status.alive and status.state == "asleep",
            waking=status.state == "starting" and status.woken_at is not None,
            devices=status.devices,
            not_isolated="" if status.isolated else status.isolation_reason,
            not_limited=""
            if status.limits_enforced or status.limits_reason == NO_LIMITS
            else status.limits_reason,
        )


def orphans(asked: Asked, world: World) -> list[facts.Slot]:
    """Processes that belong to no deployment any more."""
    owners = {(row.workspace, row.endpoint, row.name) for row in asked.deployments}
    return [slot for slot in world.services if asked.owner(slot.replicas) not in owners]


def sets_in_use(deployments: Iterable[facts.Deployment], world: World) -> set[str]:
    """The sets whose files must stay on disk."""
    wanted = {
        revision.replicas for item in deployments for revision in (item.wanted, item.serving) if revision
    }
    return wanted | {slot.replicas for slot in world.services}
