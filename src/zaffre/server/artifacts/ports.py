"""The port to wherever blobs are kept. Backends stand in `backends/`; the composition root picks one."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

Check = Callable[[], None]
"""Raises when the work shall not go on."""


def wanted() -> None:
    """Nobody gives this up."""


class BlobStore(Protocol):
    """Keeps immutable bytes under their SHA-256 digest. Whoever calls has verified the digest.

    Every verb raises Unavailable when the store cannot be reached or is full.
    """

    def adopt(self, digest: str, file: Path) -> None:
        """Take over a complete local file, durably; the file is gone afterwards. Safe to repeat and to race."""
        ...

    def read(self, digest: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to `stop`, in pieces. Raises NotFound at the first piece when absent."""
        ...

    def place(self, digest: str, target: Path, *, check: Check = wanted) -> None:
        """Put a read-only file with the content at `target`, which must not exist. Raises NotFound when absent.

        `check` is asked before and between pieces; what it raises ends the placing, and nothing is at `target` then.
        """
        ...

    def remove(self, digest: str) -> None:
        """Forget the bytes; absent ones are fine."""
        ...
