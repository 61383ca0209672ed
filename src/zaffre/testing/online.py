"""A house for tests of online endpoints: database, registry, runner, router and reconciler over one folder, no HTTP face.

Everything is real but for the environment: replicas run in the Python that runs the tests. Solving and building have
tests of their own in the environments room and would make each of these take seconds more.
"""

import dataclasses
import hashlib
import multiprocessing
import sys
import threading
import types
from collections.abc import Mapping
from multiprocessing import connection
from pathlib import Path
from typing import Any

import zaffre_runtime
from zaffre.contracts import manifests, workspace
from zaffre.server import access, db, secrets
from zaffre.server.access import store as _access_tables  # noqa: F401  # declares tables
from zaffre.server.access import workspaces
from zaffre.server.app import tables
from zaffre.server.artifacts import service as artifacts
from zaffre.server.artifacts import uploads
from zaffre.server.artifacts.backends import local as local_blobs
from zaffre.server.compute import instance_types, ports
from zaffre.server.compute import service as compute
from zaffre.server.compute.backends import local_jobs, local_processes
from zaffre.server.conversion import work as conversions
from zaffre.server.endpoints.online import optimizing, preparing, quantities, reconcile, secret_variables
from zaffre.server.endpoints.online import room as rooms
from zaffre.server.endpoints.router import envoy, tracing
from zaffre.server.environments import builds, curated, errands, resolving
from zaffre.server.profiling import work as profiles
from zaffre.server.workers import endpoints as worker
from zaffre.server.workers import loop
from zaffre.testing import postgres

CALLER = access.Caller(name="tester", grants=(access.Grant("admin"),))


def same_python(
    _workspace: str, _resolved: dict[str, Any], errand: errands.Errand
) -> tuple[builds.BuiltEnvironment, str | None]:
    """An environment that is always there: the one that the tests run in."""
    errand.say("The environment of the tests is used.")
    python = Path(sys.executable)
    built = builds.BuiltEnvironment(
        digest=hashlib.sha256(str(python).encode()).hexdigest(),
        path=python.parent.parent,
        python=python,
        overlay=Path(zaffre_runtime.__file__).parent,
        cached=True,
    )
    return built, None


@dataclasses.dataclass
class House:
    """The parts, and how a test puts files into them. `close` leaves processes running; `tear_down` ends them."""

    home: Path
    database: db.Database
    room: rooms.Room
    artifacts: artifacts.Room
    runner: ports.ServiceRunner
    router: envoy.Envoy
    preparations: preparing.Preparations
    reconciler: reconcile.Reconciler
    loop: loop.Loop
    converting: conversions.Means
    profiling: profiles.Means

    def tree(self, files: Mapping[str, bytes], workspace: str = "default") -> str:
        """Store files as a tree; returns its address."""
        entries = []
        for path, content in files.items():
            digest = hashlib.sha256(content).hexdigest()
            self._upload(digest, content)
            entries.append(manifests.FileEntry(path=path, size=len(content), digest=digest))
        with self.database.write() as uow:
            return artifacts.create_tree(uow, CALLER, workspace, manifests.Manifest.of(entries))

    def _upload(self, digest: str, content: bytes) -> None:
        with self.database.write() as uow:
            artifacts.begin_upload(uow, CALLER, digest)
        upload = uploads.Upload(
            self.artifacts.incoming, CALLER.identity, digest, offset=0, total=len(content), limit=1 << 30
        )
        upload.write(content)
        artifacts.finish_upload(self.database, CALLER, self.artifacts, upload)

    def close(self) -> None:
        """Stop reconciling; whatever runs goes on running."""
        self.loop.stop()
        self.preparations.close()
        self.profiling.preparations.close()
        self.router.close()
        self.database.close()

    def tear_down(self) -> None:
        """Stop reconciling and end every process of the house."""
        self.close()
        for service_id in self.runner.list():
            self.runner.kill(service_id)


def open_new(home: Path, **options: Any) -> House:
    """A house over a new database with the workspace `default`; `options` as for `build`."""
    url = f"sqlite:///{home}/zaffre.db"
    database = db.Database(url)
    with database.write() as uow:
        tables.metadata().create_all(uow.connection)
        workspaces.create(uow, CALLER, workspace.Workspace(name="default"))
    database.close()
    return build(home, url, port=postgres.free_port(), **options)


def build(
    home: Path,
    url: str,
    *,
    port: int,
    environments: preparing.Environments = same_python,
    start_timeout_s: float = 60.0,
    traces: Mapping[str, Any] = types.MappingProxyType({}),
    isolation_uid: int | None = None,
    machine: compute.Machine | None = None,
) -> House:
    """Put a house together over a home folder with a short path; nothing runs before `loop.start()`."""
    for name in ("run", "replicas", "blobs", "incoming"):
        (home / name).mkdir(mode=0o700, exist_ok=True)
    database = db.Database(url)
    runner = local_processes.LocalServiceRunner(
        home / "services", home / "run", python=sys.executable, isolation_uid=isolation_uid, hidden=(home,)
    )
    router = envoy.Envoy(
        runner, home / "router", host="127.0.0.1", port=port, traces=tracing.Tracing.of(traces)
    )
    blobs = local_blobs.LocalBlobStore(home / "blobs")
    box = secrets.Box(home / "secret.key")
    sizes = instance_types.InstanceTypes()

    def tree(workspace: str, digest: str) -> manifests.Manifest:
        with database.read() as uow:
            return artifacts.tree(uow, CALLER, workspace, digest)

    shelves = artifacts.Room(blobs, uploads.Incoming(home / "incoming"))
    table = curated.Table.load(None)
    converting = _converting(home, database, shelves, table, isolation_uid)
    optimizer = optimizing.Optimizer(converting)
    preparations = preparing.Preparations(home / "replicas", environments, blobs, tree, optimizer=optimizer)
    trial = preparing.Preparations(home / "profiles", environments, blobs, tree, optimizer=optimizer)
    values = secret_variables.Opener(database, box).values
    profiling = profiles.Means(database, trial, runner, converting.runner, shelves, home / "bodies", values)
    means = reconcile.Means(
        database,
        runner,
        router,
        preparations,
        box,
        limits_of=lambda name: compute.limits_of(sizes, name),
        gpus_of=lambda name: compute.gpus_of(sizes, name),
        traces=traces,
    )
    machine = machine or compute.machine()
    reconciler = reconcile.Reconciler(
        means,
        machine=quantities.Amount(machine.cpu_cores, machine.memory_bytes),
        gpus=[gpu.id for gpu in machine.gpus],
        drain_s=10.0,
        start_timeout_s=start_timeout_s,
    )
    room = rooms.Room(box, table, sizes, router.url)
    endless = worker.build(database, reconciler, preparations)
    return House(
        home,
        database,
        room,
        shelves,
        runner,
        router,
        preparations,
        reconciler,
        endless,
        converting,
        profiling,
    )


def _converting(
    home: Path,
    database: db.Database,
    shelves: artifacts.Room,
    table: curated.Table,
    isolation_uid: int | None,
) -> conversions.Means:
    jobs = local_processes.LocalServiceRunner(
        home / "jobs", home / "run", python=sys.executable, isolation_uid=isolation_uid, hidden=(home,)
    )
    return conversions.Means(
        database=database,
        resolver=resolving.Resolver(database, table, shelves.store),
        environments=lambda workspace, _, errand: same_python(workspace, {}, errand)[0],
        runner=local_jobs.LocalJobRunner(jobs),
        blobs=shelves,
        folder=home / "conversions",
    )


def serve(home: str, port: int, started: connection.Connection) -> None:
    """A control plane in a process of its own, for a test to kill."""
    house = build(Path(home), f"sqlite:///{home}/zaffre.db", port=port)
    house.loop.start()
    started.send(True)
    threading.Event().wait()


class ControlPlane:
    """`serve` in a process that is forked from one that has imported everything, so that it starts at once."""

    def __init__(self, home: Path, port: int) -> None:
        processes = multiprocessing.get_context("forkserver")
        processes.set_forkserver_preload([__name__])
        receiver, sender = processes.Pipe(duplex=False)
        self._process = processes.Process(target=serve, args=(str(home), port, sender), daemon=True)
        self._process.start()
        sender.close()
        receiver.recv()
        receiver.close()

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self._process.kill()
        self._process.join()
