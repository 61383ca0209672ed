"""A service's folder and spec as the supervisor needs them: its parts made ready, its launch, its wishes. Decides nothing."""

from __future__ import annotations

import os
import stat
from typing import Any, Dict, List, Optional

from zaffre_runtime.shim import isolation, limits, records, spawn

_OWN_SOCKETS = "own"
_TEMPORARY = "tmp"  # beside scratch, not in it: what the process owns could be turned into a link


class Home:
    """The folder of one service.

    An isolated process opens its sockets in a folder of its own, which it sees at the known address; whoever connects
    (router and probe are root) finds there what `publish` has put: the socket itself, never a link that the process made.
    """

    def __init__(self, folder: str, spec: Dict[str, Any]) -> None:
        self.folder = folder
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
        self._own_sockets = os.path.join(self._sockets, _OWN_SOCKETS)
        self._wanted: Optional[isolation.Isolation] = None
        self.not_isolated = "not isolated: isolation is switched off"
        if spec.get("isolation"):
            own = [(self._scratch, self._scratch), (self._own_sockets, self._sockets)]
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
        """Make folders, drop a stale socket, hand over what belongs to the process. Raises OSError."""
        os.makedirs(
            self._sockets, mode=0o700, exist_ok=True
        )  # a restart of the machine may have emptied /run
        for folder in (self._scratch, self._temporary):
            _make(folder)
        _empty(self._sockets)
        if self._isolation is None:
            return
        _make(self._own_sockets)
        _empty(self._own_sockets)
        handed_over = [
            self._scratch,
            self._temporary,
            self._own_sockets,
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
            records.MARKER: self.folder,
        }
        cwd = self.spec.get("cwd") or self._scratch
        return spawn.Launch(self.spec["argv"], environment, cwd, self._isolation, group)

    def unbound(self) -> List[str]:
        """Targets that nothing is bound to, because no mounts are made."""
        if self._isolation or self._wanted is None:
            return []
        moved = [bind.target for bind in self._wanted.binds if bind.source != bind.target]
        return [target for target in moved if target != self._sockets]

    def publish(self) -> None:
        """Let others find the socket that the isolated process has opened since the last look. Never raises."""
        if self._isolation is None:
            return
        try:
            _publish(
                os.path.join(self._own_sockets, records.SOCKET), os.path.join(self._sockets, records.SOCKET)
            )
        except OSError:
            return  # not there yet, or the process was faster: the next look finds what is so then

    def withdraw(self) -> None:
        """Nobody new shall find an isolated process; others take their sockets away themselves."""
        if self._isolation is None:
            return
        try:
            _empty(self._sockets)
        except OSError:
            return  # gone already

    def leave(self) -> None:
        """Take the sockets away."""
        try:
            if self._isolation:
                _empty(self._own_sockets)
                os.rmdir(self._own_sockets)
            _empty(self._sockets)
            os.rmdir(self._sockets)
        except OSError:
            return  # gone already, or the process put folders there: the server's remove takes them


def _make(folder: str) -> None:
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        return


def _publish(own: str, public: str) -> None:
    """A second name for a socket where its process cannot change it. What it names is looked at after it cannot change."""
    inode = os.lstat(own).st_ino
    if os.path.lexists(public):
        if os.lstat(public).st_ino == inode:
            return
        os.unlink(public)
    os.link(own, public, follow_symlinks=False)
    if not stat.S_ISSOCK(os.lstat(public).st_mode):
        os.unlink(public)


def _empty(folder: str) -> None:
    for entry in os.scandir(folder):
        if not entry.is_dir(follow_symlinks=False):  # a folder is in nobody's way
            os.unlink(entry.path)
