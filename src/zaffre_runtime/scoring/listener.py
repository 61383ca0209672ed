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
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Optional

from granian import _granian as _typed

_granian: Any = _typed  # its stub file lags behind the signatures

Callback = Callable[[Any], None]

BACKLOG = 1024
WORKER_ID = 1
IO_THREADS = 1


class _Inline:
    """The few methods of an event loop that granian calls; each runs its callback on the calling thread."""

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
    common = (1, 1, 30, BACKLOG, "1", None, None, False, None)
    if sys.version_info >= (3, 10):
        return _granian.RSGIWorker(
            WORKER_ID,
            (None, holder),
            None,
            IO_THREADS,
            *common,
            *tls_off,
            "tls1.3",
            None,
            [],
            False,
            (None, None),
        )
    return _granian.RSGIWorker(WORKER_ID, (None, holder), IO_THREADS, *common, *tls_off, None, [], False)


def _unix_holder(path: str) -> Any:
    with contextlib.suppress(FileNotFoundError):
        Path(path).unlink()  # left by a process that was killed
    if sys.version_info >= (3, 10):
        return _granian.UnixListenerSpec(path, BACKLOG, None).build()
    return _granian.UnixListenerSpec(path, BACKLOG).build()


class Listener:
    """Opens the address at construction. `leave`, then `stop`, refuse new connections and let the open ones finish."""

    def __init__(
        self, callback: Callback, socket: Optional[str], host: Optional[str], port: Optional[int]
    ) -> None:
        self._socket = socket
        self._drained = threading.Event()
        self._signal = _granian.WorkerSignal()
        self._signal.add_cb(self._drained.set)
        self._loop = _Inline()
        self._scheduler = _scheduler(self._loop, callback)
        if socket is not None:
            self._worker = _worker(_unix_holder(socket))
            self._worker.serve_async_uds(self._scheduler, self._loop, self._signal)
        else:
            self._worker = _worker(_granian.ListenerSpec(host or "127.0.0.1", port, BACKLOG).build())
            self._worker.serve_async(self._scheduler, self._loop, self._signal)

    def leave(self) -> None:
        """Nobody new finds the Unix socket; who has connected already is still taken in (until `stop`)."""
        if self._socket is not None:
            with contextlib.suppress(FileNotFoundError):
                Path(self._socket).unlink()

    def stop(self) -> None:
        self._signal.set()

    def drained(self) -> bool:
        return self._drained.is_set()
