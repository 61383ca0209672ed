"""The HTTP server of a replica, on a thread of its own: one loop that waits for bytes, and reads all that lie ready.

What became complete in one look is given on together, so requests that come at the same time are scored together, and
nobody waits for it. Answers are sent by whoever has them (connection.py).
"""

from __future__ import annotations

import collections
import contextlib
import errno
import os
import select
import socket
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Callable, Deque, Dict, List, Optional, Tuple

from zaffre_runtime.scoring import connection, errors, logs

BACKLOG = 4096
LISTENING = "ZAFFRE_LISTEN_FD"  # set by `zaffre_runtime.shim`, which keeps the socket over our restarts
READ_BYTES = 262_144
ACCEPTED_AT_ONCE = 64
NO_FILES_PAUSE_S = 0.05

Callback = Callable[[List[connection.Request]], None]


class Listener:
    """Opens the address at construction, unless it was handed over. `leave`, then `stop`, take no new connections and
    let the open ones finish; at a socket that was handed over they wait for who comes next.
    """

    def __init__(
        self,
        callback: Callback,
        path: Optional[str],
        *,
        host: Optional[str],
        port: Optional[int],
        most_body_bytes: int,
    ) -> None:
        handed_over = _handed_over() if path is not None else None
        self._own_path = None if handed_over else path
        self._listening = handed_over or _opened(path, host=host or "127.0.0.1", port=port)
        self.most_body_bytes = most_body_bytes
        self.stopping = False
        self._callback = callback
        self._arrived: List[connection.Request] = []
        self._connections: Dict[int, connection.Connection] = {}
        self._noted: Deque[connection.Connection] = collections.deque()
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._wake, False)
        self._buffer = memoryview(bytearray(READ_BYTES))
        self._drained = threading.Event()
        self._is_open = True
        self._number = self._listening.fileno()
        self._epoll = select.epoll()
        self._epoll.register(self._woken, select.EPOLLIN)
        self._epoll.register(self._listening, select.EPOLLIN)
        self._thread = threading.Thread(target=self._run, name="zaffre-listener", daemon=True)
        self._thread.start()

    # --- for others ---

    def leave(self) -> None:
        """Nobody new finds the Unix socket; who has connected already is still taken in (until `stop`). The name of one
        that was handed over is its owner's affair."""
        if self._own_path is not None:
            with contextlib.suppress(FileNotFoundError):
                Path(self._own_path).unlink()

    def stop(self) -> None:
        self.stopping = True
        self._rouse()

    def drained(self) -> bool:
        return self._drained.is_set()

    # --- for connections ---

    def arrived(self, request: connection.Request) -> None:
        self._arrived.append(request)

    def look_at(self, one: connection.Connection) -> None:
        """On any thread: the loop is to see what has become of this connection."""
        self._noted.append(one)
        self._rouse()

    def _rouse(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake, b"\0")

    # --- the loop ---

    def _run(self) -> None:
        while not self._drained.is_set():
            self._look(self._epoll.poll())
            self._let_others_in()
            self._give()
            self._look_at_noted()
            if self.stopping:
                self._wind_up()
        self._epoll.close()
        self._listening.close()

    def _look(self, events: List[Tuple[int, int]]) -> None:
        for number, _ in events:
            if number == self._number:
                self._accept()
            elif number == self._woken:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
            else:
                one = self._connections.get(number)
                if one is not None:
                    self._serve_alone(one)

    def _serve_alone(self, one: connection.Connection) -> None:
        """Whatever goes wrong, the other connections live on."""
        try:
            self._serve(one)
        except Exception:  # noqa: BLE001 - see above
            traceback.print_exc(file=sys.stderr)
            one.let_go()
            self._await(one)

    def _let_others_in(self) -> None:
        """Give the processor to whoever is about to send, for as long as that brings requests; nothing is waited for.

        Where the router shares our core, its first request would otherwise take its turn away, and be scored alone.
        """
        before = 0
        while before < len(self._arrived) < len(self._connections):
            before = len(self._arrived)
            os.sched_yield()
            self._look(self._epoll.poll(0))

    def _give(self) -> None:
        while self._arrived:
            arrived, self._arrived = self._arrived, []
            try:
                self._callback(arrived)
            except Exception:  # noqa: BLE001 - outermost on this thread, which must live
                traceback.print_exc(file=sys.stderr)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                made, address = self._listening.accept()
            except BlockingIOError:
                return
            except OSError as error:  # the caller has left already, or this process may open no more files
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    logs.say("a connection waits: this process has as many files open as it may")
                    time.sleep(NO_FILES_PAUSE_S)
                return
            made.setblocking(False)
            if made.family != socket.AF_UNIX:
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client = f"{address[0]}:{address[1]}" if isinstance(address, tuple) else ""
            one = self._connections[made.fileno()] = connection.Connection(self, made, client)
            self._await(one)

    def _serve(self, one: connection.Connection) -> None:
        if one.wants_to_send:
            one.send_on()
        else:
            try:
                size = one.socket.recv_into(self._buffer)
            except BlockingIOError:
                return
            except OSError:  # the caller broke off
                size = 0
            one.feed(self._buffer[:size])
        self._await(one)

    def _look_at_noted(self) -> None:
        while self._noted:
            one = self._noted.popleft()
            if self._connections.get(one.socket.fileno()) is one:
                self._await(one)
                one.give_next()
                self._give()

    def _await(self, one: connection.Connection) -> None:
        """Wait for what this connection needs next, or close it. One that needs nothing yet is let out, as the kernel would
        tell of its end again and again."""
        number = one.socket.fileno()
        wanted = select.EPOLLOUT if one.wants_to_send else select.EPOLLIN if one.wants_to_read else 0
        if one.is_done:
            del self._connections[number]
            one.socket.close()
        elif wanted != one.watched_for:
            if not one.watched_for:
                self._epoll.register(number, wanted)
            elif not wanted:
                self._epoll.unregister(number)
            else:
                self._epoll.modify(number, wanted)
            one.watched_for = wanted

    def _wind_up(self) -> None:
        """Take nobody in, close who asks nothing, and end when the last has its answer."""
        if self._is_open:
            self._is_open = False
            self._epoll.unregister(self._listening)
        for one in list(self._connections.values()):
            if one.is_idle:
                self._serve_alone(one)  # what has come already is still answered
                self._give()
            if one.is_idle and one.socket.fileno() >= 0:
                one.let_go()
                self._await(one)
        if not self._connections:
            self._drained.set()


def _handed_over() -> Optional[socket.socket]:
    """The socket that the parent process has opened for us, once: what we start ourselves shall not have it."""
    number = os.environ.pop(LISTENING, None)
    if number is None:
        return None
    try:
        os.set_inheritable(int(number), False)
        found = socket.socket(fileno=int(number))
    except (OSError, ValueError) as error:
        raise errors.ConfigurationError(f"{LISTENING}={number} is not an open socket: {error}") from error
    found.setblocking(False)
    return found


def _opened(path: Optional[str], *, host: str, port: Optional[int]) -> socket.socket:
    try:
        if path is None:
            made = socket.create_server((host, port or 0), backlog=BACKLOG)
        else:
            with contextlib.suppress(FileNotFoundError):
                Path(path).unlink()  # left by a process that was killed
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            made.bind(path)
            made.listen(BACKLOG)
    except OSError as error:
        raise errors.ConfigurationError(f"cannot listen on {path or f'{host}:{port}'}: {error}") from error
    made.setblocking(False)
    return made
