"""CPU time and memory of processes with everything below them, from /proc. Called for scaling and by whoever measures.

One look serves any number of processes: the table of all processes is read once. It does not keep anything.
"""

import dataclasses
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Usage:
    """`cpu_s` grows while a process and what it started live; `memory_bytes` counts pages that they share once."""

    cpu_s: float = 0.0
    memory_bytes: int = 0
    processes: int = 0


class _Process(NamedTuple):
    parent: int
    ticks: int


def read(pids: Iterable[int], proc: Path = Path("/proc")) -> dict[int, Usage]:
    """The usage of each process that lives, with its descendants."""
    wanted = set(pids)
    if not wanted:
        return {}
    table = _table(proc)
    children: dict[int, list[int]] = {}
    for pid, process in table.items():
        children.setdefault(process.parent, []).append(pid)
    return {pid: _sum(proc, _family(pid, children), table) for pid in wanted if pid in table}


def _family(pid: int, children: Mapping[int, list[int]]) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting.extend(children.get(one, ()))
    return found


def _sum(proc: Path, family: Iterable[int], table: Mapping[int, _Process]) -> Usage:
    ticks = private = shared = count = 0
    for pid in family:
        ticks += table[pid].ticks
        own, common = _pages(f"{proc}/{pid}/statm")
        private, shared, count = private + own, max(shared, common), count + 1
    return Usage(ticks / _TICKS, (private + shared) * _PAGE, count)


def _table(proc: Path) -> dict[int, _Process]:
    """Every process: its parent, and the time that it and its children which ended have used."""
    found: dict[int, _Process] = {}
    for entry in os.scandir(proc):
        if entry.name.isdigit():
            text = _text(f"{entry.path}/stat")
            fields = text[text.rfind(")") + 2 :].split()  # a name may hold spaces and brackets
            if len(fields) > 14:
                found[int(entry.name)] = _Process(int(fields[1]), sum(int(item) for item in fields[11:15]))
    return found


def _pages(path: str) -> tuple[int, int]:
    fields = _text(path).split()
    if len(fields) < 3:
        return 0, 0
    resident, shared = int(fields[1]), int(fields[2])
    return max(0, resident - shared), shared


def _text(path: str) -> str:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # it has ended since
        return ""
    try:
        return os.read(descriptor, 4096).decode("utf-8", "replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
