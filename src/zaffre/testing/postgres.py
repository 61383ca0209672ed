"""A real PostgreSQL server for tests: initdb in a temporary folder, loopback, a free port, stopped at the end."""

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from zaffre.core import errors


class PostgresServer:
    """A running server; `create_database` gives a URL to a fresh, empty database."""

    def __init__(self, port: int) -> None:
        self.port = port

    def create_database(self) -> str:
        import psycopg

        name = f"t{secrets.token_hex(6)}"
        with psycopg.connect(
            f"postgresql://postgres@127.0.0.1:{self.port}/postgres", autocommit=True
        ) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"


@contextlib.contextmanager
def serve() -> Iterator[PostgresServer]:
    """Start a server, yield it, stop it. Raises Unavailable when PostgreSQL is not installed."""
    binaries = _binaries()
    owner = _unprivileged_owner()
    folder = Path(tempfile.mkdtemp(prefix="zaffre-pg-", dir="/tmp"))
    if owner:
        shutil.chown(folder, owner)
    port = free_port()
    data = folder / "data"
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c max_connections=200"
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
        _run(
            [
                str(binaries / "pg_ctl"),
                "-D",
                str(data),
                "-w",
                "-o",
                options,
                "-l",
                str(folder / "log"),
                "start",
            ],
            owner,
        )
        try:
            yield PostgresServer(port)
        finally:
            _run([str(binaries / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"], owner)
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
