"""Environments that nothing needs any more: what deployments described inline once, locks of definitions, builds, overlays
and cached packages. Called by the face of `zaffre server gc`.

Nothing goes that belongs to a registered version, that a revision of a deployment may return to, that a service or job on
this machine mentions, that is being built, or that was asked for within the grace period or since this server started:
what is prepared to start later is known in memory only. Whatever goes can be built again from its lock.
"""

import dataclasses
import datetime as dt
import functools
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from zaffre.core import clock, errors
from zaffre.server import access, db
from zaffre.server.environments import caches, service, slots, uv
from zaffre.server.registry.environments import service as environments

_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


@dataclasses.dataclass(frozen=True)
class Report:
    """What went, or in a dry run would go; `bytes` counts each file that nothing links to then.

    `inline` are the versions that only deployments described which are gone, `locks` those of definitions that nobody registered.
    `in_use` are the caches that were left alone because something is installed from them right now.
    """

    dry_run: bool
    inline: list[str]
    locks: list[str]
    environments: list[str]
    overlays: list[str]
    cached_packages: int
    bytes: int
    in_use: list[str]


@dataclasses.dataclass(frozen=True)
class Needed:
    """What somebody else may still want to start from.

    `digests` are of locks, `versions` are (workspace, subject). In the workspaces `unsolved` somebody wants an environment whose lock
    is not known yet; in `busy` ones work is under way that may be at any.
    """

    digests: frozenset[str] = frozenset()
    versions: frozenset[tuple[str, str]] = frozenset()
    unsolved: frozenset[str] = frozenset()
    busy: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True)
class Pruner:
    """`root` is ZAFFRE_HOME/environments; `services` are the folders that hold a folder with spec.json for each process.

    `needed` tells what other rooms keep.
    """

    database: db.Database
    root: Path
    services: tuple[Path, ...]
    needed: Callable[[db.UnitOfWork], Needed] = lambda _: Needed()
    started: dt.datetime = dataclasses.field(default_factory=clock.now)

    def prune(self, caller: access.Caller, *, grace_s: float, dry_run: bool) -> Report:
        """Delete what nothing needs. Raises Denied, Invalid."""
        if grace_s < 0:
            raise errors.Invalid("grace_s must not be negative.")
        old = clock.now() - dt.timedelta(seconds=grace_s)
        before = min(self.started, old)
        mentioned = set(self._mentioned())
        recent = {slot.digest for slot in slots.complete_in(self.root / "builds") if slot.used() >= before}
        inline, locks = self._sweep(caller, old, mentioned | recent, dry_run=dry_run)
        with self.database.read() as uow:
            locked = service.registered_digests(uow, caller) | self.needed(uow).digests
        work = _Work(dry_run)
        work.take_slots(self.root / "builds", locked | mentioned, before)
        builds = len(work.gone)
        work.take_slots(self.root / "overlays", mentioned, before)
        for digest in work.gone[:builds] if not dry_run else ():
            (self.root / "logs" / f"{digest}.log").unlink(missing_ok=True)
        for cache in caches.below(self.root):
            work.take_cached(cache, old)
        return Report(
            dry_run,
            inline,
            locks,
            work.gone[:builds],
            work.gone[builds:],
            work.cached,
            work.freed,
            work.in_use,
        )

    def _sweep(
        self, caller: access.Caller, before: dt.datetime, digests: set[str], *, dry_run: bool
    ) -> tuple[list[str], list[str]]:
        """Rows: judged and removed in one transaction. What is needed is read when nobody can refer to them anew."""
        of_versions, of_locks = functools.cache(self.needed), functools.cache(self.needed)
        with self.database.read() if dry_run else self.database.write() as uow:

            def version_needed(workspace: str, subject: str) -> bool:
                needed = of_versions(uow)
                return workspace in needed.busy or (workspace, subject) in needed.versions

            def lock_needed(workspace: str, digest: str) -> bool:
                needed = of_locks(uow)
                held = digest in needed.digests or digest in digests
                return held or workspace in needed.unsolved | needed.busy

            inline = environments.sweep(uow, caller, before=before, needed=version_needed, dry_run=dry_run)
            locks = service.sweep(uow, caller, before=before, needed=lock_needed, dry_run=dry_run)
        return _addresses(inline), _addresses(locks)

    def _mentioned(self) -> Iterator[str]:
        """Whatever looks like a digest in the description of a process, alive or not: too much rather than too little."""
        for folder in self.services:
            for file in folder.glob("*/spec.json"):
                yield from _DIGEST.findall(file.read_text(encoding="utf-8"))


def _addresses(found: Iterable[tuple[str, str]]) -> list[str]:
    return [f"workspaces/{workspace}/{subject}" for workspace, subject in found]


class _Work:
    """What one run does, and what it has found so far."""

    def __init__(self, dry_run: bool) -> None:
        self._dry_run = dry_run
        self._going: list[Path] = []
        self.gone: list[str] = []
        self.cached = 0
        self.freed = 0
        self.in_use: list[str] = []

    def take_slots(self, root: Path, needed: set[str], before: dt.datetime) -> None:
        for slot in slots.complete_in(root):
            if slot.digest in needed or slot.used() >= before:
                continue
            size = sum(facts.st_size for facts in caches.files(slot.path) if facts.st_nlink == 1)
            if self._dry_run:
                self._going.append(slot.path)
            if self._dry_run or slot.remove_idle(before):
                self.gone.append(slot.digest)
                self.freed += size

    def take_cached(self, cache: caches.Cache, before: dt.datetime) -> None:
        """In a dry run, what is linked to nothing but the folders that would go counts as well."""
        going = caches.links(self._going)
        with caches.Guard(cache.path).alone() as alone:
            if not alone:
                self.in_use.append(cache.path.name)
                return
            for entry in cache.unneeded(before, going):
                self.cached += 1
                self.freed += sum(facts.st_size for facts in caches.files(entry))
                if not self._dry_run:
                    caches.remove(entry)
            if cache.path.name == caches.UV and not self._dry_run:
                uv.prune(cache.path)
