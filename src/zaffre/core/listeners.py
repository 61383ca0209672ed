"""Who listens at a port of this machine, for the error that says why a port cannot be taken.

Called by whoever wanted the port. Linux only: elsewhere, and for processes of other users, nobody is named.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

_LISTENING = "0A"
_TABLES = ("net/tcp", "net/tcp6")


def holder(port: int, *, proc: Path = Path("/proc")) -> str:
    """`process 123 (python3)`, or an empty text when it cannot be told."""
    wanted = {f"socket:[{inode}]" for table in _TABLES for inode in _inodes(proc / table, port)}
    if not wanted:
        return ""
    for process in sorted(proc.glob("[0-9]*"), key=lambda path: int(path.name)):
        if wanted & set(_sockets(process)):
            return f"process {process.name} ({_name(process)})"
    return ""


def said(port: int, *, proc: Path = Path("/proc")) -> str:
    """For the end of a sentence: ` by process 123 (python3)`, or nothing."""
    found = holder(port, proc=proc)
    return f" by {found}" if found else ""


def _inodes(table: Path, port: int) -> Iterator[str]:
    """The sockets that listen at the port. Columns as in proc(5): sl, local address, remote address, state, ..., inode."""
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return
    for words in (line.split() for line in lines):
        if words[3] == _LISTENING and int(words[1].rpartition(":")[2], 16) == port:
            yield words[9]


def _sockets(process: Path) -> Iterator[str]:
    with contextlib.suppress(OSError):  # it ended, or belongs to somebody else
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                yield str(descriptor.readlink())


def _name(process: Path) -> str:
    """The program's name alone: arguments may hold secrets."""
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "unknown"
