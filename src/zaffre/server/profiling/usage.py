"""What a process and everything below it uses, read from /proc while it is under load. Called by `trying`."""

import os
import time
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
_SHORTEST_S = 0.4


class Usage:
    """The most memory and the most cores at any time since it was made; `look` often."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.max_memory_bytes = 0
        self.max_cpu = 0.0
        self._last = (time.monotonic(), self._cpu_s())

    def look(self) -> None:
        """Take in what is so now."""
        memory = sum(_peak_memory(pid) for pid in _tree(self._pid))
        self.max_memory_bytes = max(self.max_memory_bytes, memory)
        now, used = time.monotonic(), self._cpu_s()
        since = now - self._last[0]
        if since >= _SHORTEST_S:
            self.max_cpu = max(self.max_cpu, (used - self._last[1]) / since)
            self._last = (now, used)

    def _cpu_s(self) -> float:
        return sum(_cpu_seconds(pid) for pid in _tree(self._pid))


def _tree(pid: int) -> list[int]:
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        try:
            for task in Path(f"/proc/{one}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        except OSError:
            continue  # it ended meanwhile
    return found


def _peak_memory(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    sizes = {name: rest for name, _, rest in (line.partition(":") for line in lines)}
    peak = sizes.get("VmHWM") or sizes.get("VmRSS") or "0 kB"
    return int(peak.split()[0]) * 1024


def _cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS
