"""Processes on chosen cores: start a server pinned, move a running one, end its whole group."""

import contextlib
import os
import signal
import socket
import subprocess
import urllib.parse
from pathlib import Path


def free_port() -> int:
    """A loopback port that nobody holds at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Pinned:
    """A process group on one core, its output in `log`; `stop` ends all of it."""

    def __init__(
        self, argv: list[str], *, core: int, cwd: Path, environment: dict[str, str], log: Path
    ) -> None:
        self.log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                ["taskset", "--cpu-list", str(core), *argv],
                cwd=cwd,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def pin(pid: int, core: int) -> None:
    """Move all threads of a running process to one core."""
    subprocess.run(
        ["taskset", "--all-tasks", "--cpu-list", "--pid", str(core), str(pid)],
        check=True,
        stdout=subprocess.DEVNULL,
    )


def listener_at(url: str) -> int:
    """The process that listens at a local address."""
    port = urllib.parse.urlsplit(url).port or 80
    inodes = {f"socket:[{inode}]" for inode in _listening(port)}
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with contextlib.suppress(OSError):  # it ended, or is not ours
            if any(str(link.readlink()) in inodes for link in folder.iterdir()):
                return int(folder.parent.name)
    raise LookupError(f"no process listens on port {port}")


def _listening(port: int) -> list[str]:
    rows = [line.split() for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]]
    return [row[9] for row in rows if row[3] == "0A" and int(row[1].split(":")[1], 16) == port]
