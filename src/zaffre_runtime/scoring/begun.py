"""Which requests a process was at when it died, told to the replicas beside it, so that one that kills is not given to all.

Called by dataplane.py around each call, and by http.py for requests that the router tries again. Every process has a
file in the folder that the replicas of one revision share, and notes there, in mapped memory, which requests its
present call has: their ids, and a sum of their bodies, as clients may send one id for many. Who dies in a call leaves
them behind; who waited behind that call is not among them.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import time
from pathlib import Path
from typing import Any, List, Optional, Set
from zlib import crc32

from zaffre_runtime.scoring import exchange, logs

ATTEMPT = "x-envoy-attempt-count"
MOST_DEATHS = 2
"""A first death may be another's fault; who was under way at two has had its chances."""
SIZE = 16384
BODY = 512
"""So many bytes tell one body from another."""
KEPT_S = 600.0
_COMING = ".coming"
_LIVING, _SEEN_ENDED = 0o600, 0o400


class Begun:
    """`note` and `clear` cost about two microseconds, half a one for each further request. Raises OSError when its file
    cannot be made."""

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._forget_old()
        self._path = self._folder / os.urandom(8).hex()
        coming = self._path.with_suffix(_COMING)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        self._file = os.open(coming, flags, _LIVING)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX)  # held for as long as this process lives
            os.posix_fallocate(
                self._file, 0, SIZE
            )  # a full disk must not turn a write to memory into a signal
            self._memory = mmap.mmap(self._file, SIZE)
            coming.rename(
                self._path
            )  # seen by others only when locked, so that nobody takes it for a dead one's
        except OSError:
            os.close(self._file)
            coming.unlink()
            raise

    def note(self, batch: List[exchange.Exchange]) -> None:
        """These are under way from now on."""
        text = "\n".join(_marks(batch)).encode()[: SIZE - 1]
        self._memory[: len(text) + 1] = text + b"\0"

    def clear(self) -> None:
        """Nothing is under way."""
        self._memory[0] = 0

    def deaths(self, asked: exchange.Exchange) -> int:
        """At how many deaths of other processes this request was under way."""
        (mark,) = _marks([asked])
        return sum(mark in marks for marks in self._left_behind())

    def _left_behind(self) -> List[Set[str]]:
        found = []
        for path in self._folder.iterdir():
            if path != self._path:
                with contextlib.suppress(OSError):
                    text = path.read_bytes()[:SIZE].partition(b"\0")[0]
                    found.append(set(text.decode("utf-8", "replace").split("\n")))
        return found

    def _forget_old(self) -> None:
        """Files of processes that ended: kept for a while from when the end is first seen, as writes to memory leave no time.

        That they were seen is written in their mode: a new name could hide one from who is reading the folder just then.
        """
        for path in self._folder.iterdir():
            with contextlib.suppress(OSError):
                found = path.stat()
                if found.st_mode & 0o777 == _LIVING:
                    if _ended(path):
                        os.utime(path)
                        path.chmod(_SEEN_ENDED)
                elif time.time() - found.st_mtime > KEPT_S:
                    path.unlink()


def _marks(batch: List[exchange.Exchange]) -> List[str]:
    """What tells each request from others: its id, and a sum of its body's length and first bytes."""
    return [f"{one.request_id} {crc32(one.body[:BODY], len(one.body))}" for one in batch]


def opened(folder: Optional[str]) -> Optional[Begun]:
    """None where there is no folder, or it cannot be used: requests are then tried again without this knowledge."""
    if folder is None:
        return None
    try:
        return Begun(folder)
    except OSError as error:
        logs.say(f"requests that end their process are not told from others: {error}")
        return None


def tried_before(headers: Any) -> bool:
    """Whether the router sends this request for a second time or more."""
    return bool(headers.get(ATTEMPT, "1") != "1")


def _ended(path: Path) -> bool:
    file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True
