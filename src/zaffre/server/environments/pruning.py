"""Built environments, overlays and cached packages that nothing needs any more. Called by the face of `zaffre server gc`.

Nothing goes that belongs to a registered version, that a revision of a deployment may return to, that a service or job on
this machine mentions, that is being built, or that was asked for within the grace period or since this server started:
what is prepared to start later is known in memory only. Whatever goes can be built again from its lock.
"""

import dataclasses
import datetime as dt
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from zaffre.core import clock, errors
from zaffre.server import access, db
from zaffre.server.environments import caches, service, slots, uv

_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


@dataclasses.dataclass(frozen=True)
class Report:
    """What went, or in a dry run would go; `bytes` counts each file that nothing links to then.

    `in_use` are the caches that were left alone because something is installed from them right now.
    """

    dry_run: bool
    environments: list[str]
    overlays: list[str]
    cached_packages: int
    bytes: int
    in_use: list[str]


@dataclasses.dataclass(frozen=True)
class Pruner:
    """`root` is ZAFFRE_HOME/environments; `services` are the folders that hold a folder with spec.json for each process.

    `needed` tells the digests of locks that somebody else may still want to start from.
    """

    database: db.Database
    root: Path
    services: tuple[Path, ...]
    needed: Callable[[db.UnitOfWork], set[str]] = lambda _: set()
    started: dt.datetime = dataclasses.field(default_factory=clock.now)

    def prune(self, caller: access.Caller, *, grace_s: float, dry_run: bool) -> Report:
        """Delete what nothing needs. Raises Denied, Invalid."""
        if grace_s < 0:
            raise errors.Invalid("grace_s must not be negative.")
        with self.database.read() as uow:
            locked = service.registered_digests(uow, caller) | self.needed(uow)
        old = clock.now() - dt.timedelta(seconds=grace_s)
        before = min(self.started, old)
        mentioned = set(self._mentioned())
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
            work.gone[:builds],
            work.gone[builds:],
            work.cached,
            work.freed,
            work.in_use,
        )

    def _mentioned(self) -> Iterator[str]:
        """Whatever looks like a digest in the description of a process, alive or not: too much rather than too little."""
        for folder in self.services:
            for file in folder.glob("*/spec.json"):
                yield from _DIGEST.findall(file.read_text(encoding="utf-8"))


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
