"""Upper limits of CPU and memory through control groups, version 1 or 2, where this process may make them.

Called by the supervisor. Where it may not, the limits are not enforced and the reason is recorded; nothing else stands in.
"""

from __future__ import annotations

import os
import time
from typing import Any, Dict, Iterable, List, Tuple

_ROOT = "/sys/fs/cgroup"
_PERIOD_US = 100_000


class ControlGroup:
    """The groups of one service. `enforced` and `reason` are what people see."""

    def __init__(self, name: str, limits: Dict[str, Any]) -> None:
        self.folders: List[str] = []
        self.reason = ""
        wanted = {key: value for key, value in limits.items() if value}
        if not wanted:
            self.reason = "no limits are set"
            return
        try:
            if os.path.exists(os.path.join(_ROOT, "cgroup.controllers")):
                self._create_v2(name, wanted)
            else:
                self._create_v1(name, wanted)
        except OSError as error:
            self.reason = "limits are not enforced: %s" % (error.strerror or error)
            self.remove()

    @property
    def enforced(self) -> bool:
        """Whether every wanted limit holds."""
        return bool(self.folders)

    def join(self) -> None:
        """Move the calling process, and what it starts, into the groups. Raises OSError."""
        for folder in self.folders:
            _write(os.path.join(folder, "cgroup.procs"), "0")

    def out_of_memory_kills(self) -> int:
        """How often the kernel killed a process of the groups for memory."""
        for folder in self.folders:
            for name in ("memory.events", "memory.oom_control"):
                counts = _read_counts(os.path.join(folder, name))
                if "oom_kill" in counts:
                    return counts["oom_kill"]
        return 0

    def remove(self) -> None:
        """Take the groups away. One that still holds a dying process is left to the next start."""
        remove_groups(self.folders)
        self.folders = []

    def _create_v2(self, name: str, wanted: Dict[str, Any]) -> None:
        parent = _ROOT + _own_groups().get("", "/").rstrip("/")
        with open(os.path.join(parent, "cgroup.subtree_control"), encoding="ascii") as stream:
            active = stream.read().split()
        missing = [kind for kind in ("cpu", "memory") if kind not in active]
        if missing:
            _write(os.path.join(parent, "cgroup.subtree_control"), " ".join("+" + kind for kind in missing))
        folder = self._make(os.path.join(parent, name))
        if "cpu_cores" in wanted:
            _write(os.path.join(folder, "cpu.max"), f"{int(wanted['cpu_cores'] * _PERIOD_US)} {_PERIOD_US}")
        if "memory_bytes" in wanted:
            _write(os.path.join(folder, "memory.max"), str(wanted["memory_bytes"]))

    def _create_v1(self, name: str, wanted: Dict[str, Any]) -> None:
        own = _own_groups()
        if "cpu_cores" in wanted:
            folder = self._make(os.path.join(_v1_parent("cpu", own), name))
            _write(os.path.join(folder, "cpu.cfs_period_us"), str(_PERIOD_US))
            _write(os.path.join(folder, "cpu.cfs_quota_us"), str(int(wanted["cpu_cores"] * _PERIOD_US)))
        if "memory_bytes" in wanted:
            folder = self._make(os.path.join(_v1_parent("memory", own), name))
            _write(os.path.join(folder, "memory.limit_in_bytes"), str(wanted["memory_bytes"]))

    def _make(self, folder: str) -> str:
        try:
            os.mkdir(folder, 0o755)
        except FileExistsError:
            self.reason = ""  # left by a shim that was killed: its limits are written again
        self.folders.append(folder)
        return folder


def remove_groups(folders: Iterable[str]) -> None:
    """Take groups away that hold no process any more; waits a moment for the dying."""
    for folder in folders:
        for _ in range(20):
            try:
                os.rmdir(folder)
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.01)
            else:
                break


def _own_groups() -> Dict[str, str]:
    """Controller -> path of this process's own group; the empty name is version 2."""
    groups: Dict[str, str] = {}
    with open("/proc/self/cgroup", encoding="utf-8") as stream:
        for line in stream:
            _, controllers, path = line.rstrip("\n").split(":", 2)
            for controller in controllers.split(","):
                groups[controller] = path
    return groups


def _v1_parent(controller: str, own: Dict[str, str]) -> str:
    mounted, path = _v1_mount(controller), own.get(controller, "/").rstrip("/")
    return mounted + path if os.path.isdir(mounted + path) else mounted


def _v1_mount(controller: str) -> str:
    for name in (controller, "cpu,cpuacct", "cpuacct,cpu"):
        folder = os.path.join(_ROOT, name)
        if controller in name.split(",") and os.path.isdir(folder):
            return folder
    raise OSError(0, f"no {controller} controller is mounted")


def _read_counts(path: str) -> Dict[str, int]:
    try:
        with open(path, encoding="ascii") as stream:
            pairs: List[Tuple[str, ...]] = [tuple(line.split()) for line in stream]
    except OSError:
        return {}
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)
