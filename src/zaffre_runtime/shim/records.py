"""What a service's folder holds, and how it is written: whole or not at all.

    spec.json   what to run (0600: it may hold secrets)      written by the server
    files/      small files that the process reads           written by the server
    scratch/    the process's home and temporary files       made by the shim
    stop        a request to end, with the time to drain     written by the server
    control     a FIFO that wakes the shim                   made by the shim
    lock        held by the shim for its whole life          made by the shim
    state.json  the start and exit record                    written by the shim
    log/        the process's output in numbered segments    written by the shim
    shim-error  why the shim itself failed, if it did        written by the shim

Used on both sides: by the shim and by `zaffre.server.compute`. A service is alive when its lock is held, and only
then; a POSIX record lock is not inherited by children and names its holder, so that a reused PID cannot mislead.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import struct
import time
from typing import Any, Dict, Optional

SPEC, STATE, STOP, REST, LOCK, CONTROL = "spec.json", "state.json", "stop", "rest", "lock", "control"
FILES, SCRATCH, LOG, ERROR, SOCKET, DOOR = "files", "scratch", "log", "shim-error", "s.sock", "d.sock"

# The process environment names the service of every process below a shim, which finds stragglers by it.
MARKER = "ZAFFRE_SERVICE_FOLDER"
# The number of the descriptor that is the service's listening socket, where its shim opened one (`door`).
LISTENING = "ZAFFRE_LISTEN_FD"

_FLOCK = "hhqqi4x"  # struct flock of 64-bit Linux: type, whence, start, length, pid


def utc_now() -> str:
    """This moment in the form that `zaffre.core.clock` writes."""
    moment = time.time()
    fraction = int((moment % 1) * 1_000_000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment)) + f".{fraction:06d}Z"


def read_json(path: str) -> Optional[Dict[str, Any]]:
    """The object in the file, or None when there is no such file or it holds none."""
    try:
        with open(path, encoding="utf-8") as stream:
            document = json.load(stream)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def write_json(path: str, document: Dict[str, Any]) -> None:
    """Replace the file by temporary file, fsync and rename; a reader sees the old or the new one. Raises OSError."""
    write_text(path, json.dumps(document, sort_keys=True))


def write_text(path: str, text: str) -> None:
    """As `write_json`, for plain text; mode 0600."""
    temporary = path + ".new"
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
    )
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except OSError:
        _unlink(temporary)
        raise
    sync_folder(os.path.dirname(path))


def sync_folder(path: str) -> None:
    """Make renames and new names in the folder durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def take_lock(folder: str) -> Optional[int]:
    """Hold the service's lock until this process ends; None when another process holds it.

    The descriptor must stay open, and no other one on the file may be closed: either would drop the lock.
    """
    descriptor = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if error.errno in (errno.EACCES, errno.EAGAIN):
            return None
        raise
    return descriptor


def lock_holder(folder: str) -> Optional[int]:
    """The PID of the living shim of this folder, or None. Looking does not disturb the lock."""
    try:
        descriptor = os.open(os.path.join(folder, LOCK), os.O_RDWR | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        answer = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
    finally:
        os.close(descriptor)
    return None if answer[0] == fcntl.F_UNLCK else answer[4]


def request_stop(folder: str, drain_s: float) -> None:
    """Ask the shim to end its process. The wish names a folder, never a PID, so it cannot hit a stranger.

    It is written down, so that it holds however busy the shim is; where the disk is full, the FIFO alone carries it.
    """
    try:
        write_json(os.path.join(folder, STOP), {"drain_s": drain_s, "at": utc_now()})
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or lock_holder(folder) is None:
            raise
    poke(folder, f"stop {drain_s}\n")


def request_rest(folder: str, *, asleep: bool, drain_s: float) -> None:
    """Ask the shim to end its process until somebody knocks at the door, or to start it again without a knock."""
    write_json(os.path.join(folder, REST), {"asleep": asleep, "drain_s": drain_s})
    poke(folder)


def take_rest_request(folder: str) -> Optional[Dict[str, Any]]:
    """The wish that `request_rest` left, once."""
    path = os.path.join(folder, REST)
    wish = read_json(path)
    if wish is not None:
        _unlink(path)
    return wish


def poke(folder: str, word: str = ".\n") -> None:
    """Wake the shim, if one listens, so that it looks at its folder at once rather than within a second."""
    try:
        descriptor = os.open(os.path.join(folder, CONTROL), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENXIO):
            return
        raise
    try:
        os.write(descriptor, word.encode("ascii"))
    except BlockingIOError:
        return  # full of pokes: it will wake anyway
    finally:
        os.close(descriptor)


def read_pokes(control: int) -> Optional[float]:
    """Empty the FIFO; the time to drain, when a poke asked for the end."""
    text = b""
    try:
        while True:
            text += os.read(control, 4096)
    except BlockingIOError:
        wishes = [line[5:] for line in text.split(b"\n") if line.startswith(b"stop ")]
    return float(wishes[-1]) if wishes else None


def forget_error(folder: str) -> None:
    """A new shim is a new chance."""
    _unlink(os.path.join(folder, ERROR))


def open_control(folder: str) -> int:
    """The shim's end of the FIFO. Opened for both directions, so that it never reads an end of file."""
    path = os.path.join(folder, CONTROL)
    _unlink(path)
    os.mkfifo(path, 0o600)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
