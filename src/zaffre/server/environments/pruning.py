"""Built environments and overlays that nothing needs any more. Called by the face of `zaffre server gc`.

Nothing goes that a kept lock names, that a service or job on this machine mentions, that is being built, or that was
asked for within the grace period or since this server started: what is prepared to start later is known in memory only.
"""

import dataclasses
import datetime as dt
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from zaffre.core import clock, errors
from zaffre.server import access, db
from zaffre.server.environments import bytecode, service, slots

_DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")


@dataclasses.dataclass(frozen=True)
class Report:
    """What went, or in a dry run would go; `bytes` counts files that nothing else links to."""

    dry_run: bool
    environments: list[str]
    overlays: list[str]
    bytes: int


@dataclasses.dataclass(frozen=True)
class Pruner:
    """`root` is ZAFFRE_HOME/environments; `services` are the folders that hold a folder with spec.json for each process."""

    database: db.Database
    root: Path
    services: tuple[Path, ...]
    started: dt.datetime = dataclasses.field(default_factory=clock.now)

    def prune(self, caller: access.Caller, *, grace_s: float, dry_run: bool) -> Report:
        """Delete what nothing needs. Raises Denied, Invalid."""
        if grace_s < 0:
            raise errors.Invalid("grace_s must not be negative.")
        with self.database.read() as uow:
            locked = service.known_digests(uow, caller)
        before = min(self.started, clock.now() - dt.timedelta(seconds=grace_s))
        mentioned = set(self._mentioned())
        freed = 0
        gone: dict[str, list[str]] = {}
        for name, needed in (("builds", locked | mentioned), ("overlays", mentioned)):
            gone[name] = []
            for slot in slots.complete_in(self.root / name):
                if slot.digest in needed or slot.used() >= before:
                    continue
                size = _size(slot.path)
                if dry_run or slot.remove_idle(before):
                    gone[name].append(slot.digest)
                    freed += size
        if not dry_run:
            for digest in gone["builds"]:
                (self.root / "logs" / f"{digest}.log").unlink(missing_ok=True)
            bytecode.Store(self.root / ".bytecode").prune()
        return Report(dry_run, gone["builds"], gone["overlays"], freed)

    def _mentioned(self) -> Iterator[str]:
        """Whatever looks like a digest in the description of a process, alive or not: too much rather than too little."""
        for folder in self.services:
            for file in folder.glob("*/spec.json"):
                yield from _DIGEST.findall(file.read_text(encoding="utf-8"))


def _size(folder: Path) -> int:
    """Bytes of files that are linked here alone; the others stay in a cache or in another environment."""
    return sum(facts.st_size for facts in _facts(folder) if facts.st_nlink == 1)


def _facts(folder: Path) -> Iterable[os.stat_result]:
    for parent, _, files in os.walk(folder):
        for name in files:
            yield (Path(parent) / name).lstat()
