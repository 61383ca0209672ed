"""The room put together: definitions become kept locks, and locks become built environments.

Built once by the composition root (`open_workshop`); called by the endpoints reconciler and by the face that shows a
build's log. Calls take seconds or minutes and must not be made inside a transaction.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

from zaffre.core import errors, settings
from zaffre.server import access, db
from zaffre.server.environments import (
    builds,
    bytecode,
    caches,
    conda,
    curated,
    definitions,
    errands,
    locks,
    overlays,
    pythons,
    sandbox,
    service,
    sharing,
    solving,
    uv,
)


@dataclasses.dataclass(frozen=True)
class Workshop:
    """What is needed from a definition to a folder. `table` reads definitions and curated names."""

    database: db.Database
    solver: solving.Solver
    builder: builds.Builder
    table: curated.Table
    shared: sharing.Shared = dataclasses.field(default_factory=sharing.Shared)

    def lock(
        self,
        caller: access.Caller,
        workspace: str,
        subject: str,
        definition: definitions.Definition,
        *,
        errand: errands.Errand,
    ) -> locks.Lock:
        """The lock of a subject: the kept one, or a new one that is kept. Raises as `solving.Solver.lock`, and what the
        errand's own check raises; what is solved goes on as long as somebody else waits for it."""
        with self.database.read() as uow:
            kept = service.find(uow, caller, workspace, subject)
        if kept:
            return kept
        made = self.shared.do(
            ("lock", workspace, subject, definition),
            lambda shared: self.solver.lock(definition, errand=shared),
            errand,
        )
        with self.database.write() as uow:
            return service.keep(uow, caller, workspace, subject, made)

    def build(
        self,
        caller: access.Caller,
        workspace: str,
        subject: str,
        definition: definitions.Definition,
        *,
        errand: errands.Errand,
        debugger: bool = False,
    ) -> tuple[locks.Lock, builds.BuiltEnvironment]:
        """The lock of a subject and the environment built from it. Raises as `lock` and `builds.Builder.ensure`."""
        lock = self.lock(caller, workspace, subject, definition, errand=errand)
        built = self.shared.do(
            ("build", lock.digest, definition, debugger),
            lambda shared: self.builder.ensure(lock, errand=shared, definition=definition, debugger=debugger),
            errand,
        )
        return lock, built

    def close(self) -> None:
        """End what is solved and built: whoever still wants it asks the next server."""
        self.shared.close()


def open_workshop(
    configured: settings.Settings,
    database: db.Database,
    environ: Mapping[str, str],
    *,
    runtime_source: Path,
    isolated: bool,
) -> Workshop:
    """The room below ZAFFRE_HOME/environments. `isolated`: replicas run as another user, so an interpreter that
    others may run is preferred, and source distributions are built in a sandbox, or refused where there can be none.
    """
    root = Path(configured.home) / "environments"
    installed = pythons.find(environ)
    box = None
    if isolated and not sandbox.problem():
        box = sandbox.Sandbox(root / ".sandbox", configured.isolation_uid + 1, (configured.home,))
    uv_ = uv.Uv(root / caches.UV, environ, source_builds=not isolated, sandbox=box)
    channels = None if configured.conda_offline else conda.Channels(root / caches.CONDA)
    solver = solving.Solver(
        uv_, installed, channels=channels, stand_in=configured.python_stand_in, prefer_shared=isolated
    )
    compiled = bytecode.Store(root / caches.BYTECODE)
    overlay = overlays.Overlays(root / "overlays", runtime_source, uv_, compiled)
    builder = builds.Builder(
        root,
        uv_=uv_,
        compiled=compiled,
        installed=installed,
        overlay=overlay,
        channels=channels,
        prefer_shared=isolated,
    )
    return Workshop(database, solver, builder, curated.Table.load(_users_table(configured)))


def _users_table(configured: settings.Settings) -> str | None:
    file = configured.curated_environments_file
    if not file:
        return None
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise errors.Invalid(
            f"The table of curated environments cannot be read: {error}.",
            hint="Correct the setting curated_environments_file.",
        ) from None
