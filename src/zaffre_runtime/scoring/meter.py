"""What this replica counts: calls, rows per call, how long requests waited and calls took. The server reads the file.

The data plane counts on its one thread, in plain lists (half a microsecond a request); `watch` writes them out every few
seconds. `boot` tells one process's file from the next one's, whose counts begin at zero. Router and shim count what they
see themselves (answers by code, restarts); nothing is counted twice.
"""

from __future__ import annotations

import math
import os
import random
import struct
import time
from typing import Any, List, Optional, Protocol

from zaffre_runtime.scoring import logs

MAGIC = b"ZAFMETR1"
BUCKETS = 128
STEPS = 4
"""Buckets of a doubling: each is 19 % wider than the one before."""
FIRST = 80
"""The bucket that begins at one second; bucket 0 begins at a millionth of that."""
LAYOUT = struct.Struct(f"<8sQQQQQQ{BUCKETS * 4}Q")
"""Magic, boot, calls, requests, waiting now, nanoseconds in calls, nanoseconds from arrival to answer; then buckets of
waits, of calls, of whole requests (by time), and of calls by their number of requests."""
BETWEEN_S = 1.0


class Call(Protocol):
    """A call that has just ended, as the data plane knows it."""

    exchanges: Any
    started: float


class Meter:
    """Without a file it counts for nobody."""

    def __init__(self, path: Optional[str] = None) -> None:
        self._file = _opened(path) if path is not None else None
        self._boot = random.getrandbits(63)
        self._calls = self._requests = self._waiting = 0
        self._busy_s = self._total_s = 0.0
        self._waits, self._call_times, self._totals, self._sizes = ([0] * BUCKETS for _ in range(4))
        self._written_at = -BETWEEN_S
        self._written_calls = -1

    def called(self, call: Call, waiting: int) -> None:
        """A call has ended and its requests are answered; `waiting` others are in the queue."""
        ended, log2 = time.monotonic(), math.log2
        started, exchanges, totals = call.started, call.exchanges, self._totals
        took, sum_of_totals = ended - started, 0.0
        try:
            for one in exchanges:
                total = ended - one.arrived
                sum_of_totals += total
                totals[int(log2(total) * STEPS + FIRST)] += 1
            self._call_times[int(log2(took) * STEPS + FIRST)] += 1
            self._waits[int(log2(started - exchanges[0].arrived + 1e-6) * STEPS + FIRST)] += 1
            self._sizes[min(len(exchanges), BUCKETS - 1)] += 1
        except (IndexError, ValueError):  # a time of more than an hour, or none at all
            return
        self._calls += 1
        self._requests += len(exchanges)
        self._waiting = waiting
        self._busy_s += took
        self._total_s += sum_of_totals

    def write(self, *, last: bool = False) -> None:
        """Put the counts into the file when there is something new, but for the last time at most once a second. Any thread."""
        now = time.monotonic()
        if self._file is None or self._calls == self._written_calls:
            return
        if now - self._written_at < BETWEEN_S and not last:
            return
        self._written_at, self._written_calls = now, self._calls
        try:
            os.pwrite(self._file, self._packed(), 0)
        except OSError as error:  # a full disk: the counts go on in memory
            logs.say(f"counts of this replica cannot be written: {error}")

    def _packed(self) -> bytes:
        buckets: List[int] = [*self._waits, *self._call_times, *self._totals, *self._sizes]
        times = (int(self._busy_s * 1e9), int(self._total_s * 1e9))
        return LAYOUT.pack(MAGIC, self._boot, self._calls, self._requests, self._waiting, *times, *buckets)


def _opened(path: str) -> Optional[int]:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        logs.say(f"counts of this replica are not shown: {path}: {error}")
        return None
