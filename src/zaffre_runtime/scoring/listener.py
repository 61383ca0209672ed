"""Granian's HTTP server on a thread of its own (Rust), without asyncio in between; started by `__main__`.

Granian's public servers (MPServer, the embedded Server) own the main thread or an asyncio loop, and create one asyncio
task per request. Our law gives the main thread to the user's code, and the task costs a third of the throughput. So
this module builds granian's RSGI worker itself and hands it a scheduler whose callback runs directly on granian's I/O
thread: the callback must be short, must never raise, and passes the work on. The "event loop" that granian asks for
is `_Inline`: it runs what it is given at once. All this leans on granian's private names, hence the exact pins in
overlay.txt; `tests/functional/scoring` runs it for real.

Measured beside each other (one core each for server and load, 32 connections, requests per second): embedded Server with
asyncio 14,700; MPServer with uvloop 19,800; this 26,600.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Any, Callable, Optional, Tuple

import granian.http
from granian import _granian as _typed

from zaffre_runtime.scoring import errors

_granian: Any = _typed  # its stub file lags behind the signatures

Callback = Callable[[Any], None]

BACKLOG = 4096
LISTENING = "ZAFFRE_LISTEN_FD"  # set by `zaffre_runtime.shim`, which keeps the socket over our restarts
IDLE_LIMIT_MS = (
    2 * 3_600_000
)  # over the router's own hour: a connection must not close under a request of its
TELLS_WHEN_DRAINED = hasattr(_typed.WorkerSignal, "add_cb")  # 2.8; in 2.5 the worker itself is awaited
WORKER_ID = 1
IO_THREADS = 1


class _Ending:
    """The one future that granian 2.5 asks for: it is done when the worker has drained."""

    def __init__(self, drained: threading.Event) -> None:
        self._drained = drained

    def set_result(self, _: Any) -> None:
        self._drained.set()

    def done(self) -> bool:
        return self._drained.is_set()

    def cancelled(self) -> bool:
        return False


class _Inline:
    """The few methods of an event loop that granian calls; each runs its callback on the calling thread."""

    def __init__(self) -> None:
        self.drained = threading.Event()

    def create_future(self) -> _Ending:
        return _Ending(self.drained)

    def call_soon_threadsafe(
        self, callback: Callable[..., Any], *arguments: Any, context: Any = None
    ) -> None:
        callback(*arguments)

    call_soon = call_soon_threadsafe


class _Scheduler(_typed.CallbackScheduler):
    __slots__ = ()

    def __init__(self, callback: Callback) -> None:
        super().__init__()
        self._schedule_fn = callback


def _ignore(*_: Any) -> None:
    """Granian's hooks for entering and leaving an asyncio task: there is none."""


_untyped: Any = _Scheduler


def _scheduler(loop: _Inline, callback: Callback) -> _Scheduler:
    made: _Scheduler = _untyped.__new__(_Scheduler, loop, None, None, _ignore, _ignore)
    made.__init__(callback)  # type: ignore[misc]
    return made


def _worker(holder: Any) -> Any:
    """The two pinned granian lines differ in this constructor."""
    tls_off = (False, None, None, None)
    http1 = granian.http.HTTP1Settings(header_read_timeout=IDLE_LIMIT_MS)
    common = (1, 1, 30, BACKLOG, "1", http1, None, False, None, *tls_off)
    if TELLS_WHEN_DRAINED:
        newer: Tuple[Any, ...] = ("tls1.3", None, [], False, (None, None))
        return _granian.RSGIWorker(WORKER_ID, (None, holder), None, IO_THREADS, *common, *newer)
    return _granian.RSGIWorker(WORKER_ID, holder, IO_THREADS, *common, None, [], False)


def _handed_over() -> Optional[Any]:
    """The socket that the parent process has opened for us, once: what we start ourselves shall not have it."""
    number = os.environ.pop(LISTENING, None)
    if number is None:
        return None
    try:
        os.set_inheritable(int(number), False)
        return _granian.SocketHolder(int(number), True, BACKLOG)
    except (OSError, ValueError) as error:
        raise errors.ConfigurationError(f"{LISTENING}={number} is not an open socket: {error}") from error


def _unix_holder(path: str) -> Any:
    with contextlib.suppress(FileNotFoundError):
        Path(path).unlink()  # left by a process that was killed
    permissions = (None,) if TELLS_WHEN_DRAINED else ()
    return _granian.UnixListenerSpec(path, BACKLOG, *permissions).build()


def _holder(socket: Optional[str], *, host: str, port: Optional[int]) -> Any:
    try:
        return (
            _unix_holder(socket) if socket is not None else _granian.ListenerSpec(host, port, BACKLOG).build()
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise errors.ConfigurationError(f"cannot listen on {socket or f'{host}:{port}'}: {error}") from error


class Listener:
    """Opens the address at construction, unless it was handed over. `leave`, then `stop`, take no new connections and
    let the open ones finish; at a socket that was handed over they wait for who comes next.
    """

    def __init__(
        self, callback: Callback, socket: Optional[str], *, host: Optional[str], port: Optional[int]
    ) -> None:
        handed_over = _handed_over() if socket is not None else None
        self._own_socket = None if handed_over else socket
        self._signal = _granian.WorkerSignal()
        self._loop = _Inline()
        self._scheduler = _scheduler(self._loop, callback)
        self._worker = _worker(handed_over or _holder(socket, host=host or "127.0.0.1", port=port))
        serve = self._worker.serve_async if socket is None else self._worker.serve_async_uds
        if TELLS_WHEN_DRAINED:
            self._signal.add_cb(self._loop.drained.set)
        serve(self._scheduler, self._loop, self._signal)

    def leave(self) -> None:
        """Nobody new finds the Unix socket; who has connected already is still taken in (until `stop`). The name of one
        that was handed over is its owner's affair."""
        if self._own_socket is not None:
            with contextlib.suppress(FileNotFoundError):
                Path(self._own_socket).unlink()

    def stop(self) -> None:
        self._signal.set()

    def drained(self) -> bool:
        return self._loop.drained.is_set()
