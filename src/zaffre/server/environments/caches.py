"""The caches that environments are linked from: uv's, conda's and that of byte code, below ZAFFRE_HOME/environments.

Whoever links from one holds its `Guard`; `pruning` asks for it alone and deletes what no environment is linked to any
more. That costs a download when it is wanted again, never a running process: its files have links of their own.
"""

import collections
import contextlib
import dataclasses
import datetime as dt
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

UV = ".uv-cache"
CONDA = ".conda-cache"
BYTECODE = ".bytecode"

Links = Mapping[tuple[int, int], int]
"""How many links to a file (device, inode) are about to go."""


@dataclasses.dataclass(frozen=True)
class Guard:
    """Keeps those who use a cache and those who clear it apart; the lock lies beside the cache."""

    cache: Path

    @contextlib.contextmanager
    def used(self) -> Iterator[int]:
        """Wait until nobody clears it; the descriptor may be handed to a tool that works on when this process dies."""
        with self._opened() as descriptor:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield descriptor

    @contextlib.contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nobody uses it now; if so, nobody does until the end."""
        with self._opened() as descriptor:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        self.cache.parent.mkdir(parents=True, exist_ok=True)
        file = self.cache.with_name(f"{self.cache.name}.lock")
        descriptor = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)


@dataclasses.dataclass(frozen=True)
class Cache:
    """One cache. What `linked` finds is kept while an environment is linked to it, what `fetched` finds only while it is new."""

    path: Path
    linked: str
    fetched: str = ""

    def unneeded(self, before: dt.datetime, going: Links) -> Iterator[Path]:
        """What came before that moment and nothing is linked to, when the links that are `going` have gone."""
        for entry in _older(self.path, self.linked, before):
            if not any(facts.st_nlink - going.get(_file(facts), 0) > 1 for facts in files(entry)):
                yield entry
        if self.fetched:
            yield from _older(self.path, self.fetched, before)


def below(root: Path) -> tuple[Cache, ...]:
    """The caches of a server. An archive of uv's that is gone is fetched again by uv, a package of conda's by rattler."""
    return (
        Cache(root / UV, "archive-v*/*"),
        Cache(root / CONDA, "packages/*", fetched="repodata/*"),
        Cache(root / BYTECODE, "*"),
    )


def remove(entry: Path) -> None:
    """Delete an entry; one that is half deleted is never found under its name."""
    if not entry.is_dir():
        entry.unlink(missing_ok=True)
        return
    doomed = entry.with_name(f".gone-{entry.name}")
    entry.rename(doomed)
    shutil.rmtree(doomed)


def links(folders: Iterable[Path]) -> Links:
    """How many links to each file these folders hold."""
    return collections.Counter(_file(facts) for folder in folders for facts in files(folder))


def files(entry: Path) -> Iterator[os.stat_result]:
    """The files of an entry; a directory of its own is none."""
    if not entry.is_dir():
        yield entry.lstat()
    for parent, _, names in os.walk(entry):
        for name in names:
            yield (Path(parent) / name).lstat()


def _older(path: Path, pattern: str, before: dt.datetime) -> Iterator[Path]:
    """Of a folder this is when it was filled: links to its files do not change it."""
    for entry in sorted(path.glob(pattern)):
        if entry.lstat().st_mtime < before.timestamp():
            yield entry


def _file(facts: os.stat_result) -> tuple[int, int]:
    return facts.st_dev, facts.st_ino
