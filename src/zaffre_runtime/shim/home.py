"""A service's folder and spec as the supervisor needs them: its parts made ready, its launch, its wishes. Decides nothing."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional

from zaffre_runtime.shim import door, isolation, limits, records, spawn

_TEMPORARY = "tmp"  # beside scratch, not in it: what the process owns could be turned into a link


class Home:
    """The folder of one service. `door` is its socket, where its spec says that the shim opens one."""

    def __init__(self, folder: str, spec: Dict[str, Any], hidden: Optional[Dict[str, str]] = None) -> None:
        self.folder = folder
        self._hidden = hidden or {}
        self.spec = spec
        self.log_folder = os.path.join(folder, records.LOG)
        status = os.stat(folder)
        self._identity = status.st_ino
        # Two installations may give the same service the same folder name, but not the same inode.
        self.unique_name = f"zaffre-{os.path.basename(folder)}-{status.st_dev:x}-{status.st_ino:x}"
        _make(self.log_folder)
        self._scratch = os.path.join(folder, records.SCRATCH)
        self._temporary = os.path.join(folder, _TEMPORARY)
        self._files = os.path.join(folder, records.FILES)
        self._sockets = str(spec["socket_folder"])
        self.door = door.Door(self._sockets) if spec.get("listen") else None
        self._wanted: Optional[isolation.Isolation] = None
        self.not_isolated = f"not isolated: {isolation.absent()}"
        if spec.get("isolation"):
            own = [(self._scratch, self._scratch)]
            readable = [self._files]
            self._wanted = isolation.Isolation.parse(spec["isolation"], own, readable, self._temporary)
            self.not_isolated = isolation.obstacle()
        self._isolation = None if self.not_isolated else self._wanted

    def is_there(self) -> bool:
        """Whether the folder is still the one that this shim was started for."""
        try:
            return os.stat(self.folder).st_ino == self._identity
        except OSError:
            return False

    def stop_request(self) -> Optional[float]:
        """The time to drain, when somebody asked for the end."""
        request = records.read_json(os.path.join(self.folder, records.STOP))
        return None if request is None else float(request.get("drain_s", 0))

    def prepare(self) -> None:
        """Make folders, drop stale sockets or open the door, hand over what belongs to the process. Raises OSError."""
        os.makedirs(
            self._sockets, mode=0o700, exist_ok=True
        )  # a restart of the machine may have emptied /run
        for folder in (self._scratch, self._temporary):
            _make(folder)
        if self.door:
            self.door.open()
        else:
            _empty(self._sockets)
        if self._isolation is None:
            return
        handed_over = [
            self._scratch,
            self._temporary,
            self._files,
            *(os.path.join(self._files, name) for name in os.listdir(self._files)),
        ]
        handed_over += [bind.source for bind in self._isolation.binds if not bind.read_only]
        for path in handed_over:
            os.chown(path, self._isolation.uid, self._isolation.gid, follow_symlinks=False)

    def launch(self, group: limits.ControlGroup) -> spawn.Launch:
        """What to start."""
        environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "HOME": self._scratch,
            "TMPDIR": "/tmp" if self._isolation else self._temporary,  # noqa: S108  # its own /tmp
            **self.spec.get("environment", {}),
            **self._hidden,
            records.MARKER: self.folder,
        }
        listening = self.door.fileno() if self.door else None
        if listening is not None:
            environment[records.LISTENING] = str(listening)
        cwd = self.spec.get("cwd") or self._scratch
        return spawn.Launch(self.spec["argv"], environment, cwd, self._isolation, group, listening)

    def unbound(self) -> List[str]:
        """Targets that nothing is bound to, because no mounts are made."""
        if self._isolation or self._wanted is None:
            return []
        return [bind.target for bind in self._wanted.binds if bind.source != bind.target]

    def leave(self) -> None:
        """Take the sockets away."""
        try:
            _empty(self._sockets)
            os.rmdir(self._sockets)
        except OSError:
            return  # gone already, or somebody put folders there: the server's remove takes them


def _make(folder: str) -> None:
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        return


def _empty(folder: str) -> None:
    for entry in os.scandir(folder):
        if not entry.is_dir(follow_symlinks=False):  # a folder is in nobody's way
            os.unlink(entry.path)
