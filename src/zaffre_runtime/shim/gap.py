"""An address of the service's process, kept open by the shim while that process is dead. Called by the supervisor.

The process opens the address itself, with SO_REUSEPORT. When it dies, `hold` opens it beside, and the kernel queues whoever
connects; the next process opens it, too, and gets all newer connections. When that one is ready, `release` forks a
small process which takes those that were queued and passes their bytes on to it, both ways, until each is closed. So nobody
is refused but in the few milliseconds before the shim hears of the death. The process sees these callers come from
this machine.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import socket
import struct
import time
from typing import List, NoReturn, Optional, Tuple

from zaffre_runtime.shim import linux

LONGEST_S = 15.0
"""Who holds longer would keep callers from hearing that nobody comes back."""
_BACKLOG = 4096
_SETTLE_S = 0.02  # for handshakes that were under way when the process opened the address
_SO_ATTACH_REUSEPORT_CBPF = 51
_RETURN = 0x06  # BPF_RET | BPF_K
_OTHERS = 1  # of the sockets of the address, this one is the first; where no other is, the kernel takes it


class Gap:
    """`address` is host and port. Nothing here raises: without it callers are refused for a moment, as they always were."""

    def __init__(self, address: Optional[Tuple[str, int]]) -> None:
        self._address = address
        self._socket: Optional[socket.socket] = None
        self._until = 0.0

    def hold(self, now: float) -> None:
        """The process is gone and comes back: let callers wait."""
        if self._address is None or self._socket is not None:
            return
        try:
            self._socket = _opened(self._address)
        except OSError:
            return
        self._until = now + LONGEST_S

    def deadline(self) -> float:
        """When `tick` must be called at the latest."""
        return self._until if self._socket else float("inf")

    def tick(self, now: float) -> None:
        """Give up in time."""
        if now >= self.deadline():
            self.drop()

    def drop(self) -> None:
        """Nobody comes back: who waits hears it now."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def release(self) -> None:
        """The process is ready: give it those that wait."""
        if self._socket is None:
            return
        assert self._address is not None
        parent = os.getpid()
        try:
            if os.fork() == 0:
                _pass_on(self._socket, self._address, parent)
        except OSError:
            pass  # no process can be made; they are refused
        self.drop()


def _opened(address: Tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
        _prefer_others(listening)
    except OSError:
        listening.close()
        raise
    return listening


def _prefer_others(listening: socket.socket) -> None:
    """New connections go to the process as soon as it listens. Raises OSError."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", _RETURN, 0, 0, _OTHERS))
    listening.setsockopt(
        socket.SOL_SOCKET,
        _SO_ATTACH_REUSEPORT_CBPF,
        struct.pack("HL", 1, ctypes.addressof(program)),
    )


# In the forked process


def _pass_on(listening: socket.socket, address: Tuple[str, int], parent: int) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        linux.set_parent_death_signal(signal.SIGKILL)
        if os.getppid() == parent:
            _keep_only(listening)
            host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(address[0], address[0])  # noqa: S104  # not bound
            # It costs each shim 8 MB and a tenth of a second, and few ever need it.
            from zaffre_runtime.shim import passing

            passing.run(_waiting(listening), host, address[1])
    finally:
        os._exit(0)


def _keep_only(listening: socket.socket) -> None:
    """The lock of the service's folder, above all, must not be held by us."""
    number = listening.fileno()
    os.closerange(0, number)
    os.closerange(number + 1, os.sysconf("SC_OPEN_MAX"))
    for stream in (0, 1, 2):
        if stream != number:
            os.open(os.devnull, os.O_RDWR)
    gc.disable()  # what was closed belongs to objects that would close it again


def _waiting(listening: socket.socket) -> List[socket.socket]:
    """Everybody in the queue; then it is closed, so that what we connect to cannot be ourselves."""
    found: List[socket.socket] = []
    quiet_at = time.monotonic() + _SETTLE_S
    while time.monotonic() < quiet_at:
        try:
            found.append(listening.accept()[0])
            quiet_at = time.monotonic() + _SETTLE_S
        except BlockingIOError:
            time.sleep(_SETTLE_S / 10)
    listening.close()
    return found
