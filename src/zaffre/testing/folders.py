"""Folders for tests whose processes may write a last line while they are being removed."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def short(prefix: str = "zaffre-test-") -> Iterator[Path]:
    """A folder with a path that is short enough for sockets below it, removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    yield folder
    remove(folder)


def remove(folder: Path, *, within_s: float = 30.0) -> None:
    """Remove the folder with all that is in it, and what a process that is just ending adds to it. Raises OSError."""
    end = time.monotonic() + within_s
    while folder.exists():
        try:
            shutil.rmtree(folder)
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
