"""Puts together what online endpoints need: runner, router, environments, reconciler."""

import dataclasses
import os
import socket
from collections.abc import Callable
from pathlib import Path

import zaffre_runtime
from zaffre.contracts import manifests
from zaffre.core import errors, listeners, settings
from zaffre.server import access, db, secrets
from zaffre.server.api import context
from zaffre.server.app import home as homes
from zaffre.server.app import (
    runners,
    tls,
    tooling,
    tracing,
    trust,
)
from zaffre.server.artifacts import service as artifacts
from zaffre.server.compute import instance_types, ports
from zaffre.server.compute import machine as machine_facts
from zaffre.server.compute import service as compute
from zaffre.server.conversion import work as conversions
from zaffre.server.endpoints.online import (
    building,
    optimizing,
    preparing,
    quantities,
    reconcile,
    secret_variables,
)
from zaffre.server.endpoints.online import room as rooms
from zaffre.server.endpoints.router import envoy
from zaffre.server.endpoints.router import tracing as router_tracing
from zaffre.server.environments import pruning, workshop
from zaffre.server.profiling import work as profiles
from zaffre.server.workers import endpoints as worker
from zaffre.server.workers import loop

_CALLER = access.system("endpoints")


@dataclasses.dataclass(frozen=True)
class Online:
    """The parts for routes, and what runs beside them."""

    face: context.Online
    converting: conversions.Means
    profiling: profiles.Means
    environments: workshop.Workshop
    router: envoy.Envoy
    reconciler: reconcile.Reconciler
    issuers: loop.Loop
    loop: loop.Loop
    machine: compute.Machine
    keepers: tuple[secrets.Keeper, ...] = ()

    def facts(self) -> dict[str, object]:
        """What clients are told."""
        return {
            "scoring_url": self.face.room.scoring_url,
            "scoring_port": self.router.port,
            "machine": dataclasses.asdict(self.machine),
        }

    def close(self) -> None:
        """Begin nothing more; replicas and router go on."""
        self.face.preparations.close()
        self.profiling.preparations.close()
        self.environments.close()
        self.router.close()


def build(
    configured: settings.Settings,
    home: homes.Home,
    database: db.Database,
    *,
    blobs: artifacts.Room,
    box: secrets.Box,
) -> Online:
    """Everything of online endpoints over one home."""
    isolated = configured.isolation == "auto" and os.geteuid() == 0
    runner = runners.open_runner(configured, home, isolated=isolated)
    router, keepers = _open_router(configured, home, runner)
    shop = _open_shop(configured, database, isolated=isolated)
    watch = machine_facts.Watch(home.path, _thresholds(configured))
    tokens = trust.tokens(configured, home)
    room = _room(configured, box, shop, router.url, tokens=tokens, warnings=watch.warnings)
    types = room.instance_types

    def tree(workspace: str, digest: str) -> manifests.Manifest:
        with database.read() as uow:
            return artifacts.tree(uow, _CALLER, workspace, digest)

    builder = building.Building(database, shop, blobs.store)
    converting = tooling.conversion_means(configured, home, database, shop=shop, blobs=blobs)
    optimizer = optimizing.Optimizer(converting)
    preparations = preparing.Preparations(
        home.path / "replicas", builder, blobs.store, tree, optimizer=optimizer
    )
    mine = preparing.Preparations(
        home.path / "profiles" / "sets", builder, blobs.store, tree, optimizer=optimizer, threads=1
    )
    bodies = home.path / "profiles" / "bodies"
    values = secret_variables.Opener(database, box).values
    profiling = profiles.Means(database, mine, runner, converting.runner, blobs, bodies, values)
    means = reconcile.Means(
        database,
        runner,
        router,
        preparations,
        box,
        limits_of=lambda name: compute.limits_of(types, name),
        gpus_of=lambda name: compute.gpus_of(types, name),
        traces=tracing.of(configured),
        tokens=tokens,
    )
    machine = compute.machine(configured.gpus)
    reconciler = reconcile.Reconciler(
        means,
        machine=quantities.Amount(machine.cpu_cores, machine.memory_bytes),
        gpus=[gpu.id for gpu in machine.gpus],
        drain_s=configured.drain_s,
        start_timeout_s=configured.start_timeout_s,
        domain=configured.scoring_domain,
    )
    endless = worker.build(database, reconciler, preparations)
    issuers = trust.watch(database, box, tokens, router, wake=endless.wake)
    folders = (home.path / "services", home.path / "jobs")
    pruner = pruning.Pruner(database, home.path / "environments", folders, needed=building.needed)
    face = context.Online(room, runner, preparations, pruner, watch)
    return Online(face, converting, profiling, shop, router, reconciler, issuers, endless, machine, keepers)


def _open_shop(configured: settings.Settings, database: db.Database, *, isolated: bool) -> workshop.Workshop:
    runtime = Path(zaffre_runtime.__file__).parent
    return workshop.open_workshop(configured, database, os.environ, runtime_source=runtime, isolated=isolated)


def _thresholds(configured: settings.Settings) -> machine_facts.Thresholds:
    return machine_facts.Thresholds(
        configured.machine_load_warning,
        configured.machine_memory_warning,
        configured.machine_disk_warning,
        configured.machine_gpu_memory_warning,
    )


def _room(
    configured: settings.Settings,
    box: secrets.Box,
    shop: workshop.Workshop,
    url: str,
    *,
    tokens: rooms.Tokens,
    warnings: Callable[[], list[str]],
) -> rooms.Room:
    table = configured.instance_types_file
    return rooms.Room(
        box,
        shop.table,
        instance_types.load(Path(table) if table else None),
        configured.scoring_url.rstrip("/") or url,
        configured.scoring_domain,
        allow_debugger=configured.allow_debugger,
        tokens=tokens,
        warnings=warnings,
    )


def _open_router(
    configured: settings.Settings, home: homes.Home, runner: ports.ServiceRunner
) -> tuple[envoy.Envoy, tuple[secrets.Keeper, ...]]:
    """The router, and who keeps its certificate fresh."""
    certificates = tls.endpoints(configured)
    router = envoy.Envoy(
        runner,
        home.path / "router",
        host=configured.scoring_host,
        port=_scoring_port(configured, home),
        binary=configured.envoy_path,
        listening=tls.mode(certificates),
        traces=router_tracing.Tracing.of(tracing.of(configured)),
    )
    return router, tls.router_keepers(certificates, home, router)


def _scoring_port(configured: settings.Settings, home: homes.Home) -> int:
    """The configured port, or the one that was kept from last time, or a free one."""
    kept = home.read_server().get("scoring_port")
    if configured.scoring_port:
        if configured.scoring_port != kept:  # else a router of ours may be there, which outlives servers
            _demand_free(configured.scoring_host, configured.scoring_port)
        return configured.scoring_port
    if isinstance(kept, int):
        return kept
    with socket.socket() as listener:
        listener.bind((configured.scoring_host, 0))
        port: int = listener.getsockname()[1]
        return port


def _demand_free(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise errors.Unavailable(
                f"Port {port} on {host} cannot be taken for endpoints{listeners.said(port)}: {error.strerror}.",
                hint="Set ZAFFRE_SCORING_PORT to another, or to 0 for a free one.",
            ) from error
