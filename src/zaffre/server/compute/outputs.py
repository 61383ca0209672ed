"""Reads what a job has written. Its folder belongs to the job's user, who may have put links, pipes or devices there.

Called by rooms that run jobs, after the job has ended, when nobody can change the folder any more.
"""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from zaffre.core import errors


def read(folder: Path, name: str, *, limit: int) -> bytes:
    """The bytes of a plain file directly in the folder. Raises NotFound, Invalid (not plain, larger than `limit`)."""
    with _opened(folder, name, limit) as stream:
        return stream.read(limit + 1)[:limit]


def copy(folder: Path, name: str, target: Path, *, limit: int) -> None:
    """Copy such a file to `target`, which must not exist. Raises as `read`."""
    with _opened(folder, name, limit) as source, target.open("xb") as stream:
        shutil.copyfileobj(source, stream)


@contextlib.contextmanager
def _opened(folder: Path, name: str, limit: int) -> Iterator[BinaryIO]:
    if "/" in name or name in ("", ".", ".."):
        raise errors.Invalid(f"{name!r} is not the name of a file.")
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        holder = os.open(folder, flags | os.O_DIRECTORY)
        try:
            descriptor = os.open(name, flags, dir_fd=holder)
        finally:
            os.close(holder)
    except FileNotFoundError:
        raise errors.NotFound(f"The job has not written {name}.") from None
    except OSError as error:
        raise errors.Invalid(
            f"What the job has written as {name} cannot be read: {error.strerror}."
        ) from error
    with os.fdopen(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise errors.Invalid(f"What the job has written as {name} is not a plain file of its own.")
        if status.st_size > limit:
            raise errors.TooLarge(
                f"The job has written {status.st_size} bytes as {name}; {limit} are allowed."
            )
        yield stream
