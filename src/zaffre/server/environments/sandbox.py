"""Builds of source distributions for a server that runs as root: their authors' code runs as another user, in private
mounts and PIDs, and sees the system, the interpreter and one empty folder of its own.

Called by `sources`, which takes nothing back from that folder without checking it. Run as a module it is the launcher:
`python -m zaffre.server.environments.sandbox <JSON>`, which becomes the other user and then the command.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from zaffre_runtime.shim import isolation, linux

_TEMPORARY = "scratch"


@dataclasses.dataclass(frozen=True)
class Sandbox:
    """`root` holds the private folders, `hidden` are folders that nobody inside may see (ZAFFRE_HOME)."""

    root: Path
    uid: int
    hidden: tuple[str, ...]

    @contextlib.contextmanager
    def folder(self) -> Iterator[Path]:
        """A private folder that belongs to the other user, gone afterwards."""
        self.root.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(dir=self.root))
        try:
            (made / _TEMPORARY).mkdir(mode=0o700)
            for path in (made, made / _TEMPORARY):
                os.chown(path, self.uid, self.uid)
            yield made
        finally:
            shutil.rmtree(made)

    def environ(self, folder: Path) -> dict[str, str]:
        """Variables that keep what runs inside within its folder."""
        return {"HOME": str(folder), "TMPDIR": str(folder / _TEMPORARY)}

    def wrap(self, command: Sequence[str], folder: Path, *, readable: Sequence[str]) -> list[str]:
        """The command that runs `command` inside; `readable` are files and folders that it needs."""
        closed = [path for path in readable if isolation.needs_bind(path, self.uid, self.uid)]
        wanted = {
            "command": list(command), "folder": str(folder), "readable": closed, "uid": self.uid, "hidden": self.hidden,
        }  # fmt: skip
        return [sys.executable, "-m", __name__, json.dumps(wanted)]


def problem() -> str:
    """Why this process cannot make a sandbox; empty when it can."""
    return isolation.try_namespaces() if os.geteuid() == 0 else "the server does not run as root"


def launch(wanted: dict[str, object]) -> int:
    """Run the command inside; its exit code. Whatever it left running is killed with it."""
    linux.unshare(linux.CLONE_NEWPID)
    child = os.fork()
    if child == 0:
        try:
            _become(wanted)
        finally:
            os._exit(126)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _become(wanted: dict[str, object]) -> None:
    command, readable, hidden = (list(map(str, wanted[key])) for key in ("command", "readable", "hidden"))  # type: ignore[call-overload]
    folder, uid = str(wanted["folder"]), int(str(wanted["uid"]))
    binds = [isolation.Bind(path, path, read_only=True) for path in readable]
    binds.append(isolation.Bind(folder, folder, read_only=False))
    view = isolation.Isolation(uid, uid, tuple(hidden), tuple(binds), str(Path(folder) / _TEMPORARY))
    isolation.enter_namespaces(view)
    isolation.drop_rights(uid, uid)
    linux.forbid_new_privileges()
    linux.set_parent_death_signal(signal.SIGKILL)  # whoever kills the launcher ends everything inside
    if os.getppid() != 0:  # the launcher is outside these PIDs, so a living one is seen as 0
        raise OSError("the launcher is gone")
    os.chdir(folder)
    os.execv(command[0], command)  # noqa: S606 # no shell is wanted


if __name__ == "__main__":
    sys.exit(launch(json.loads(sys.argv[1])))
