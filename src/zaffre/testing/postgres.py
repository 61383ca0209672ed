"""A real PostgreSQL server for tests: initdb in a temporary folder, loopback, a free port, stopped at the end."""

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from zaffre.core import errors


class PostgresServer:
    """A running server. `create_database` makes one more database; `emptied_database` empties the same one each time,
    which is much faster."""

    def __init__(self, port: int, control: Callable[..., None]) -> None:
        self.port = port
        self._control = control
        self._reused = ""

    def stop(self) -> None:
        """End it as a crash would: at once, without telling anybody."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        """Start it again."""
        self._control("start")

    def emptied_database(self) -> str:
        """The URL of a database without tables; whatever a test before left in it, or left connected to it, is gone."""
        if not self._reused:
            self._reused = self.create_database()
        with psycopg.connect(self._reused, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return self._reused

    def create_database(self) -> str:
        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(
            f"postgresql://postgres@127.0.0.1:{self.port}/postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


@contextlib.contextmanager
def serve(*, durable: bool = False) -> Iterator[PostgresServer]:
    """Start a server, yield it, stop it. Raises Unavailable when PostgreSQL is not installed.

    Only a `durable` one keeps what was committed when it is stopped as by a crash; the others are faster.
    """
    binaries = _binaries()
    owner = _unprivileged_owner()
    folder = Path(tempfile.mkdtemp(prefix="zaffre-pg-", dir="/tmp"))
    if owner:
        shutil.chown(folder, owner)
    port = free_port()
    data = folder / "data"
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c max_connections=200"
    if not durable:
        options += " -c fsync=off -c synchronous_commit=off -c full_page_writes=off"
    try:
        _run(
            [
                str(binaries / "initdb"),
                "-D",
                str(data),
                "-U",
                "postgres",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C",
            ],
            owner,
        )

        def control(*words: str) -> None:
            pg_ctl = [
                str(binaries / "pg_ctl"),
                "-D",
                str(data),
                "-w",
                "-t",
                "240",
                "-o",
                options,
                "-l",
                str(folder / "log"),
            ]
            _run([*pg_ctl, *words], owner)

        control("start")
        try:
            yield PostgresServer(port, control)
        finally:
            if (data / "postmaster.pid").exists():
                control("-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A TCP port on loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _binaries() -> Path:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    if on_path:
        return Path(on_path).parent
    raise errors.Unavailable(
        "PostgreSQL's server is not installed.", hint="As root: apt-get install postgresql."
    )


def _unprivileged_owner() -> str | None:
    # The server refuses to run as root.
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise errors.Unavailable("PostgreSQL needs a user other than root to run as, and there is none.")


def _run(command: list[str], owner: str | None) -> None:
    # pg_ctl's child keeps its output open, so a pipe would never end: a file takes what it says.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            command,
            user=owner,
            group=owner,
            cwd="/",
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            check=False,
        )
        if done.returncode:
            said.seek(0)
            raise errors.Unavailable(f"{Path(command[0]).name} failed: {said.read().strip()[-500:]}")
