"""The socket of a service, opened by its shim and handed to every start of its process. Called by home and supervisor.

    d.sock   the door: leads to the socket from before the first start until the service is stopped
    s.sock   the same socket, by a name that is there only while the process answers

The kernel's backlog keeps whoever connects at the door while the process is down or starting; its next start takes
them in. A process never names its socket itself, so it cannot choose what the router and the probe (root) connect to.
"""

from __future__ import annotations

import os
import socket
from typing import Optional

from zaffre_runtime.shim import records

BACKLOG = 4096  # the kernel takes less where net.core.somaxconn is lower


class Door:
    """One listening socket in a closed folder. It is never accepted from here."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, records.DOOR)
        self._answering = os.path.join(folder, records.SOCKET)
        self._socket: Optional[socket.socket] = None

    def open(self) -> None:
        """Listen, unless that is so. A name that somebody took away is made again. Raises OSError."""
        if self._socket is not None and os.path.lexists(self._path):
            return
        self.shut()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            listening.bind(self._path)
            os.chmod(self._path, 0o600)
            listening.listen(BACKLOG)
        except OSError:
            listening.close()
            raise
        if self._socket is not None:
            self._socket.close()
        self._socket = listening

    def fileno(self) -> int:
        """The socket, for `spawn` to hand over, and to poll: it is readable when somebody waits at the door."""
        assert self._socket is not None
        return self._socket.fileno()

    def answer(self) -> None:
        """The process takes requests: show it to the router. Never raises; the door leads to it in any case."""
        try:
            if not os.path.lexists(self._answering):
                os.symlink(records.DOOR, self._answering)
        except OSError:
            return

    def hold(self) -> None:
        """The process is going or gone: who wants an answer at once goes elsewhere, who has no choice waits at the door."""
        _unlink(self._answering)

    def shut(self) -> None:
        """Nobody new comes in. Who has connected already is still there for the process to take."""
        self.hold()
        _unlink(self._path)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return  # gone already, or its folder is
