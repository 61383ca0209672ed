"""Files of a stored tree put on disk, for a process to read. Called by rooms that start processes.

Files are read-only and may be shared with the blob store; folders are 0755, because processes run as another user.
"""

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from zaffre.contracts import manifests
from zaffre.server.artifacts import ports


class Placer(Protocol):
    """What of a blob store is used here."""

    def place(self, digest: str, target: Path, *, check: ports.Check) -> None: ...


def fill(
    target: Path,
    entries: Iterable[manifests.FileEntry],
    above: str,
    *,
    blobs: Placer,
    check: ports.Check = ports.wanted,
) -> None:
    """Place entries below `target`, named relative to the folder `above`. Names were checked when they were stored.

    Raises as the blob store does, and what `check` raises; then there is no target.
    """
    make(target.parent)
    _make_one(target)
    with whole(target):
        for entry in entries:
            name = manifests.check_name(entry.path)
            relative = name.removeprefix(above + "/") if above else name
            file = target / relative
            make(file.parent)
            blobs.place(entry.digest, file, check=check)


def make(folder: Path) -> None:
    """A folder that other users may read, with those above it that are missing, whatever the umask of the server is."""
    if not folder.is_dir():
        make(folder.parent)
        _make_one(folder)


def _make_one(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o755)


@contextlib.contextmanager
def whole(folder: Path) -> Iterator[None]:
    """A folder that is filled within is gone when that fails, or is given up."""
    is_whole = False
    try:
        yield
        is_whole = True
    finally:
        if not is_whole:
            shutil.rmtree(folder, ignore_errors=True)
