"""Blobs in a local folder: one read-only file each, made durable before it gets its name.

Files are 0444, and hard links share that: a replica under another uid may read what it was given, never change it.
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from zaffre.core import errors
from zaffre.server.artifacts import disk, ports

PIECE = 1 << 20
DURABLE = 64 * PIECE
_NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.EACCES})


class LocalBlobStore:
    """A BlobStore over a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def adopt(self, digest: str, file: Path) -> None:
        target = self._path(digest)
        try:
            if not target.exists():
                target.parent.mkdir(exist_ok=True)
                _make_durable(file, target)
            else:
                file.unlink()
        except OSError as error:
            raise disk.unavailable(error) from error

    def read(self, digest: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        with self._open(digest) as descriptor:
            end = os.fstat(descriptor).st_size if stop is None else stop
            while start < end:
                piece = os.pread(descriptor, min(PIECE, end - start), start)
                if not piece:
                    return
                start += len(piece)
                yield piece

    def place(self, digest: str, target: Path, *, check: ports.Check = ports.wanted) -> None:
        source = self._path(digest)
        check()
        try:
            os.link(source, target)
        except FileNotFoundError:
            raise absent(digest) from None
        except OSError as error:
            if error.errno not in _NO_LINK:
                raise disk.unavailable(error) from error
            copy_read_only(source, target, check=check)

    def remove(self, digest: str) -> None:
        self._path(digest).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _open(self, digest: str) -> Iterator[int]:
        try:
            descriptor = os.open(self._path(digest), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise absent(digest) from None
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest


def _make_durable(file: Path, target: Path) -> None:
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        if target.exists():  # another upload of the same bytes was faster
            return
        raise
    try:
        os.fchmod(descriptor, 0o444)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    try:
        file.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = target.with_name(f".{file.name}")
        copy_read_only(file, beside)
        beside.rename(target)
        file.unlink()
    sync_folder(target.parent)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def copy_read_only(source: Path, target: Path, *, check: ports.Check = ports.wanted) -> None:
    """A copy for where a hard link cannot reach; all of it or none, however it ends."""
    with disk.whole(target), source.open("rb") as given, target.open("wb") as copied:
        size = 0
        while piece := given.read(PIECE):
            copied.write(piece)
            size += len(piece)
            if size % DURABLE == 0:  # so that no wait for the disk is long
                copied.flush()
                os.fsync(copied.fileno())
            check()
        copied.flush()
        os.fchmod(copied.fileno(), 0o444)
        os.fsync(copied.fileno())


def absent(digest: str) -> errors.NotFound:
    """The error for bytes that the store does not have."""
    return errors.NotFound(f"The store has no content {digest}.", hint="Upload it again.")
