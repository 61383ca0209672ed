"""Files of a stored tree put on disk, for a process to read. Called by rooms that start processes.

Files are read-only and may be shared with the blob store; folders are 0755, because processes run as another user.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from zaffre.contracts import manifests


class Placer(Protocol):
    """What of a blob store is used here."""

    def place(self, digest: str, target: Path) -> None: ...


def fill(target: Path, entries: Iterable[manifests.FileEntry], above: str, blobs: Placer) -> None:
    """Place entries below `target`, named relative to the folder `above`. Names were checked when they were stored."""
    target.mkdir(mode=0o755, parents=True)
    for entry in entries:
        name = manifests.check_name(entry.path)
        relative = name.removeprefix(above + "/") if above else name
        file = target / relative
        file.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        blobs.place(entry.digest, file)
