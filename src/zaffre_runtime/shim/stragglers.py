"""Finds and ends what a service left behind: process group, adopted orphans, and whatever carries the folder's mark.

Called by the supervisor when an attempt has ended and before the first one (an earlier shim may have been killed).
Below a PID namespace the kernel does this by itself; the mark also finds processes that left their group and parent.
"""

from __future__ import annotations

import os
import signal
import time
from typing import Callable, List

from zaffre_runtime.shim import records

_ROUNDS = 200


def end_all(folder: str, leader: int) -> None:
    """Kill what is left of a shim's own service: a group that it led, the calling shim's children, what is marked."""
    if leader:
        _kill_group(leader)
    _end(lambda: [*marked(folder), *_children_after_reaping()])


def end_marked(folder: str) -> None:
    """Kill what is marked, and nothing else: for a server that cleans up after a shim that was killed."""
    _end(lambda: marked(folder))


def _end(find: Callable[[], List[int]]) -> None:
    for _ in range(_ROUNDS):  # a round may miss what is being started, and the killed need a moment to go
        found = find()
        if not found:
            return
        for pid in found:
            _kill(pid)
        time.sleep(0.005)


def marked(folder: str) -> List[int]:
    """Live processes, zombies not counted, whose environment names this folder, as far as this user may look."""
    mark = os.fsencode(f"{records.MARKER}={folder}")
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and _carries(name, mark)]


def _reap() -> None:
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return


def _carries(name: str, mark: bytes) -> bool:
    try:
        with open(f"/proc/{name}/environ", "rb") as stream:
            return mark in stream.read().split(b"\0")
    except OSError:
        return False


def _children_after_reaping() -> List[int]:
    _reap()
    own = os.getpid()
    try:
        with open(f"/proc/{own}/task/{own}/children", encoding="ascii") as stream:
            return [int(pid) for pid in stream.read().split()]
    except OSError:
        return []


def _kill_group(leader: int) -> None:
    try:
        os.killpg(leader, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
