"""The file that a replica counts in, read as what a stranger wrote: bounded, checked, and never followed out of its folder.

Called by `sampler`. What it says is shown, and decides about nothing but the replica's own figures.
"""

import dataclasses
import os
import stat
import struct
from pathlib import Path

from zaffre.server.endpoints.telemetry import slices
from zaffre_runtime.scoring import meter

_MOST = 1 << 53
"""Larger counts than this are no counts: a replica that says so would make sums inexact."""
_HISTOGRAMS = ("wait", "call", "replica", "size")


@dataclasses.dataclass(frozen=True)
class Counted:
    """`waiting` requests are in the replica's queue now; the reading is what it counted since it started."""

    reading: slices.Reading
    waiting: int


def read(path: Path) -> Counted | None:
    """What the replica has counted, or None when there is no such file or it makes no sense."""
    content = _content(path)
    if content is None:
        return None
    try:
        magic, boot, calls, requests, waiting, busy_ns, total_ns, *buckets = meter.LAYOUT.unpack(content)
    except struct.error:
        return None
    numbers = (calls, requests, waiting, busy_ns, total_ns, *buckets)
    if magic != meter.MAGIC or any(number > _MOST for number in numbers):
        return None
    counts: dict[str, float] = {
        "calls": calls,
        "scored": requests,
        "busy_s": busy_ns / 1e9,
        "replica_s": total_ns / 1e9,
    }
    for place, kind in enumerate(_HISTOGRAMS):
        start = place * meter.BUCKETS
        counts.update(slices.buckets(kind, buckets[start : start + meter.BUCKETS]))
    return Counted(slices.Reading(f"{boot:x}", counts), waiting)


def _content(path: Path) -> bytes | None:
    """Exactly the bytes that there should be, of a plain file: no link, no pipe that would keep us waiting."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except OSError:
        return None
    try:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size != meter.LAYOUT.size:
            return None
        return os.pread(descriptor, meter.LAYOUT.size, 0)
    except OSError:
        return None
    finally:
        os.close(descriptor)
