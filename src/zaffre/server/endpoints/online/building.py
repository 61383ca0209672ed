"""From what a revision was resolved to, to an environment that is built: the one place that asks the environments room."""

import dataclasses
from typing import Any

from zaffre.server import access, db, operations
from zaffre.server.artifacts import ports as artifact_ports
from zaffre.server.endpoints.online import store
from zaffre.server.environments import builds, definitions, errands, pruning, resolving, workshop
from zaffre.server.environments import locks as lock_texts
from zaffre.server.environments import service as locks
from zaffre.server.registry.environments import service as environments

_CALLER = access.system("endpoints")


def needed(uow: db.UnitOfWork) -> pruning.Needed:
    """What deployments run in or may return to, and where tasks are under way (`pruning.Pruner.needed`)."""
    digests, versions, unsolved = set(), set(), set()
    for row in store.all_revisions(uow):
        environment = row.resolved["environment"]
        if row.lock_digest:
            digests.add(row.lock_digest)
        if "version" in environment:
            subject = locks.subject_of(environment["name"], environment["version"])
            versions.add((row.workspace, subject))
            lock = None if row.lock_digest else locks.find(uow, _CALLER, row.workspace, subject)
            digests |= {lock.digest} if lock else set()
        elif not row.lock_digest:
            unsolved.add(row.workspace)
    busy = frozenset(task.workspace for task in operations.tasks(uow))
    return pruning.Needed(frozenset(digests), frozenset(versions), frozenset(unsolved), busy)


@dataclasses.dataclass(frozen=True)
class Building:
    """A `preparing.Environments` on the real rooms."""

    database: db.Database
    workshop: workshop.Workshop
    blobs: artifact_ports.BlobStore

    def __call__(
        self, workspace: str, resolved: dict[str, Any], errand: errands.Errand
    ) -> tuple[builds.BuiltEnvironment, str | None]:
        """Lock once, build once; raises as the environments room does."""
        subject, definition = self._definition(workspace, resolved)
        asked = resolved["environment"]
        registered = (asked["name"], asked["version"]) if "version" in asked else None
        if registered:
            self._bring_lock(workspace, registered, subject)
        debugger = bool(resolved.get("debugger"))
        lock, built = self.workshop.build(
            _CALLER, workspace, subject, definition, errand=errand, debugger=debugger
        )
        if registered:
            self._keep_lock(workspace, registered, lock)
        return built, lock.stand_in

    def _bring_lock(self, workspace: str, registered: tuple[str, str], subject: str) -> None:
        """A clone has its lock from the original: it is not solved again."""
        with self.database.read() as uow:
            text = environments.lock_of(uow, _CALLER, workspace, *registered)
            if text is None or locks.find(uow, _CALLER, workspace, subject) is not None:
                return
        with self.database.write() as uow:
            locks.keep(uow, _CALLER, workspace, subject, lock_texts.Lock.from_json(text))

    def _keep_lock(self, workspace: str, registered: tuple[str, str], lock: lock_texts.Lock) -> None:
        """With the version itself, so that every show of it says what the lock decided."""
        name, version = registered
        with self.database.read() as uow:
            if environments.lock_of(uow, _CALLER, workspace, name, version) is not None:
                return
        facts = {
            "python": lock.python,
            "stand_in": lock.stand_in,
            "notes": list(lock.notes),
            "image": lock.image,
        }
        told = {key: value for key, value in facts.items() if value}
        with self.database.write() as uow:
            environments.keep_lock(
                uow,
                _CALLER,
                workspace,
                name,
                version=version,
                lock_json=lock.to_json(),
                digest=lock.digest,
                facts=told,
            )

    def _definition(self, workspace: str, resolved: dict[str, Any]) -> tuple[str, definitions.Definition]:
        resolver = resolving.Resolver(self.database, self.workshop.table, self.blobs)
        models = resolved["models"]
        return resolver.definition(
            workspace, resolved["environment"], models[0]["address"] if models else None
        )
