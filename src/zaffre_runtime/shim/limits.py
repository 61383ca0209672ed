"""Upper limits of CPU and memory through control groups, version 1 or 2, where this process may make them.

Called by the supervisor. Where it may not, the limits are not enforced and the reason is recorded; nothing else stands in.
"""

from __future__ import annotations

import contextlib
import os
import time
from typing import Any, Callable, Dict, Iterable, List, Tuple

_ROOT = "/sys/fs/cgroup"
_PERIOD_US = 100_000
_CONTROLLERS = {"cpu_cores": "cpu", "memory_bytes": "memory"}
_V1: Dict[str, Callable[[float], Dict[str, str]]] = {
    "cpu": lambda cores: {
        "cpu.cfs_period_us": str(_PERIOD_US),
        "cpu.cfs_quota_us": str(int(cores * _PERIOD_US)),
    },
    "memory": lambda size: {"memory.limit_in_bytes": str(int(size))},
}
_V2: Dict[str, Callable[[float], Dict[str, str]]] = {
    "cpu": lambda cores: {"cpu.max": f"{int(cores * _PERIOD_US)} {_PERIOD_US}"},
    "memory": lambda size: {"memory.max": str(int(size))},
}


class ControlGroup:
    """The groups of one service. `enforced` says whether every wanted limit holds; `reason` names those that do not.

    `root` is where the hierarchies are mounted, `own` the file that names the groups of this process.
    """

    def __init__(
        self, name: str, limits: Dict[str, Any], root: str = _ROOT, own: str = "/proc/self/cgroup"
    ) -> None:
        self.folders: List[str] = []
        self.reason = ""
        self._root = root
        wanted = {key: value for key, value in limits.items() if value}
        if not wanted:
            self.reason = "no limits are set"
            return
        try:
            groups = _own_groups(own)
            if os.path.exists(os.path.join(root, "cgroup.controllers")):
                problems = self._create_v2(name, wanted, groups.get("", "/").rstrip("/"))
            else:
                problems = [self._limit_v1(name, key, value, groups) for key, value in sorted(wanted.items())]
        except OSError as error:
            problems = [f"limits are not enforced: {error.strerror or error}"]
        self._all = not any(problems)
        self.reason = "; ".join(problem for problem in problems if problem)

    @property
    def enforced(self) -> bool:
        """Whether every wanted limit holds."""
        return bool(self.folders) and self._all

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

    def _create_v2(self, name: str, wanted: Dict[str, float], own: str) -> List[str]:
        """Below our own group, or beside it: a group that holds processes may not pass on what it is limited in.

        A process is in one group of version 2 only, so all limits that hold are those of one place.
        """
        places = list(dict.fromkeys((own, os.path.dirname(own).rstrip("/"))))
        tried = [self._try_v2(self._root + place, name, wanted) for place in places]
        best = min(range(len(places)), key=lambda index: sum(map(bool, tried[index])))
        if best != len(places) - 1:
            self.remove()
            return self._try_v2(self._root + places[best], name, wanted)
        return tried[best]

    def _try_v2(self, parent: str, name: str, wanted: Dict[str, float]) -> List[str]:
        """One place; what was made at another is given up."""
        self.remove()
        problems = []
        for key, value in sorted(wanted.items()):
            controller = _CONTROLLERS[key]
            try:
                if controller not in _read_words(os.path.join(parent, "cgroup.controllers")):
                    raise OSError(0, f"the kernel offers no {controller} controller here")
                if controller not in _read_words(os.path.join(parent, "cgroup.subtree_control")):
                    _write(os.path.join(parent, "cgroup.subtree_control"), "+" + controller)
                _write_limits(self._make(os.path.join(parent, name)), _V2[controller](value))
            except OSError as error:
                problems.append(_unenforced(controller, error))
        return problems

    def _limit_v1(self, name: str, key: str, value: float, own: Dict[str, str]) -> str:
        """Set one limit; returns why it does not hold, or nothing."""
        controller = _CONTROLLERS[key]
        try:
            folder = self._make(os.path.join(_v1_parent(self._root, controller, own), name))
            _write_limits(folder, _V1[controller](value))
        except OSError as error:
            return _unenforced(controller, error)
        return ""

    def _make(self, folder: str) -> str:
        # One that is there was left by a shim that was killed, or is shared with another worker of the instance.
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o755)
        if folder not in self.folders:
            self.folders.append(folder)
        return folder


def _unenforced(controller: str, error: OSError) -> str:
    return f"the {controller} limit is not enforced: {error.strerror or error}"


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


def _own_groups(path: str) -> Dict[str, str]:
    """Controller -> path of this process's own group; the empty name is version 2."""
    groups: Dict[str, str] = {}
    with open(path, encoding="utf-8") as stream:
        for line in stream:
            _, controllers, own = line.rstrip("\n").split(":", 2)
            for controller in controllers.split(","):
                groups[controller] = own
    return groups


def _v1_parent(root: str, controller: str, own: Dict[str, str]) -> str:
    mounted, path = _v1_mount(root, controller), own.get(controller, "/").rstrip("/")
    return mounted + path if os.path.isdir(mounted + path) else mounted


def _v1_mount(root: str, controller: str) -> str:
    for name in (controller, "cpu,cpuacct", "cpuacct,cpu"):
        folder = os.path.join(root, name)
        if controller in name.split(",") and os.path.isdir(folder):
            return folder
    raise OSError(0, f"no {controller} controller is mounted")


def _write_limits(folder: str, values: Dict[str, str]) -> None:
    for name, text in values.items():
        _write(os.path.join(folder, name), text)


def _read_words(path: str) -> List[str]:
    try:
        with open(path, encoding="ascii") as stream:
            return stream.read().split()
    except OSError:
        return []


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
