"""A folder that is built once, by whoever comes first, and shared by all who come later.

Called by `builds` and `overlays`. The folder is filled where it will stay, because environments cannot be moved; its
marker is written last, so that a folder without one is what a crash left and is built again. A lock file for each
digest lets one process build while the others wait; the descriptor goes down to the tools that fill the folder, so
that a tool which outlives a killed server still holds the lock.
"""

import contextlib
import datetime as dt
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from zaffre.core import clock

_MARKER = "complete.json"
_USED = "last-used"
_LOOK_S = 0.1


class Slot:
    """The folder for one digest below a root."""

    def __init__(self, root: Path, digest: str) -> None:
        self.digest = digest
        self.path = root / digest
        self._root = root
        self._marker = self.path / _MARKER

    def is_complete(self) -> bool:
        """Whether the folder was filled to the end, and where it stands now."""
        try:
            marker = json.loads(self._marker.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return False
        return isinstance(marker, dict) and marker.get("path") == str(self.path)

    def used(self) -> dt.datetime:
        """When the folder was last asked for; only for a complete one."""
        return dt.datetime.fromtimestamp((self.path / _USED).stat().st_mtime, tz=dt.UTC)

    def touch(self) -> None:
        """Note that the folder is asked for now."""
        (self.path / _USED).touch()

    def fill(
        self,
        build: Callable[[Path, int], None],
        *,
        wait: Callable[[], None],
        check: Callable[[], None] = lambda: None,
    ) -> bool:
        """Call `build(folder, descriptor)` unless somebody else has completed the folder meanwhile; whether it was called.

        `wait` is called once when another process builds the same folder, then `check` until it has: it raises when nobody
        wants the folder any more. An error of `build` leaves no folder.
        """
        with self._hold(wait, check) as descriptor:
            if self.is_complete():
                return False
            self._clear()
            self.path.mkdir(parents=True)
            self.path.chmod(0o755)
            try:
                build(self.path, descriptor)
                self._complete()
            except BaseException:
                self._clear()
                raise
            return True

    def remove(self) -> bool:
        """Delete the folder; whether there was one."""
        with self._hold(lambda: None):
            existed = self.path.exists()
            self._clear()
        return existed

    def remove_idle(self, before: dt.datetime) -> bool:
        """Delete a complete folder that nobody asked for since; whether it went. One that is being built stays."""
        try:
            with self._hold(_stay):
                if not self.is_complete() or self.used() >= before:
                    return False
                self._clear()
        except BlockingIOError:
            return False
        return True

    def _complete(self) -> None:
        self.touch()
        waiting = self.path / f"{_MARKER}.new"
        waiting.write_text(json.dumps({"path": str(self.path), "built_at": clock.isoformat(clock.now())}))
        waiting.replace(self._marker)

    def _clear(self) -> None:
        """The marker goes first, so that a half-deleted folder is never taken for a complete one."""
        self._marker.unlink(missing_ok=True)
        if self.path.exists():
            shutil.rmtree(self.path)

    @contextlib.contextmanager
    def _hold(self, wait: Callable[[], None], check: Callable[[], None] = lambda: None) -> Iterator[int]:
        folder = self._root / ".locks"
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        descriptor = os.open(folder / f"{self.digest}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            if not _taken(descriptor):
                wait()
                while not _taken(descriptor):
                    check()
                    time.sleep(_LOOK_S)
            yield descriptor
        finally:
            os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _stay() -> None:
    raise BlockingIOError


def complete_in(root: Path) -> list[Slot]:
    """Every complete folder below a root."""
    if not root.is_dir():
        return []
    slots = (Slot(root, child.name) for child in sorted(root.iterdir()) if not child.name.startswith("."))
    return [slot for slot in slots if slot.is_complete()]


def open_to_readers(folder: Path) -> None:
    """Let other users read everything below a folder, whatever the umask was when it was written."""
    for parent, _, files in os.walk(folder):
        Path(parent).chmod(0o755)
        for file in (Path(parent) / name for name in files):
            if not file.is_symlink():
                mode = file.stat().st_mode & 0o777
                wanted = mode | 0o444 | (0o111 if mode & 0o100 else 0)
                if wanted != mode:
                    file.chmod(wanted)
