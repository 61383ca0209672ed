"""Looks after time: answers calls that take too long, ends a stuck process, drains on SIGTERM. Started by `__main__`.

A thread, because the main thread may be inside the user's code. It sleeps until the earliest moment at which something
can be due, so it costs nothing per request. Should user code hold the interpreter lock for so long that this thread cannot
run, the C timer of faulthandler (armed anew at every look) ends the process with code 1 and prints where it was.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import select
import signal
import sys
import threading
import time
from typing import Any, Optional

from zaffre_runtime.scoring import answers, config, dataplane, errors, listener, logs

DRAIN_LOOK_S = 0.01
SETTLE_S = 0.1  # for connections that the kernel has accepted and the listener has not
LONGEST_SLEEP_S = 5.0
STDERR = 2  # the descriptor: user code may have replaced sys.stderr


class Watch(threading.Thread):
    def __init__(self, plane: dataplane.DataPlane, settings: config.Config) -> None:
        super().__init__(name="zaffre-watch", daemon=True)
        self._plane = plane
        self._door: Optional[listener.Listener] = None
        self._timeout_ms = settings.request_timeout_ms
        self._late = answers.timeout(settings.request_timeout_ms, managed=settings.managed)
        self._timeout_s = settings.request_timeout_ms / 1000
        self._grace_s = settings.timeout_grace_ms / 1000
        self._lock_held_s = settings.lock_held_grace_ms / 1000
        self._drain_s = settings.drain_ms / 1000
        self._drain_until: float = 0
        self._stop_at: float = 0
        self._signals, self._wake = os.pipe()

    def take_signals(self) -> None:
        """On the main thread, before `begin`: SIGTERM and SIGINT wake this thread at once, whatever the main one does."""
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._note)
        signal.signal(signal.SIGINT, self._note)

    def _note(self, number: int, _: Any) -> None:
        """Again by the same pipe: a user's event loop may have taken the wake-up descriptor for itself."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._wake, bytes([number]))

    def begin(self, door: listener.Listener) -> None:
        self._door = door
        self.start()

    def run(self) -> None:
        # A late first look would read as a process that stood still.
        pause = min(self._timeout_s, self._plane.patience.look_s())
        while True:
            pause = min(pause, DRAIN_LOOK_S if self._drain_until else LONGEST_SLEEP_S)
            faulthandler.dump_traceback_later(
                self._timeout_s + self._grace_s + pause + self._lock_held_s, exit=True, file=STDERR
            )
            readable, _, _ = select.select([self._signals], [], [], pause)
            if readable:
                self._signalled(os.read(self._signals, 64))
            if self._drain_until and self._drained():
                faulthandler.cancel_dump_traceback_later()
                return self._plane.stop()
            pause = self._look()
            self._plane.meter.write()

    def _signalled(self, numbers: bytes) -> None:
        if self._drain_until or not {signal.SIGTERM, signal.SIGINT} & set(numbers):
            return
        logs.say("stopping: requests in flight are finished, new ones refused")
        now = time.monotonic()
        self._drain_until, self._stop_at = now + self._drain_s, now + SETTLE_S
        if self._door is not None:
            self._door.leave()

    def _drained(self) -> bool:
        now = time.monotonic()
        if self._door is None or now > self._drain_until:
            return True
        if now > self._stop_at:
            self._stop_at = self._drain_until
            self._door.stop()
        return self._door.drained()

    def _look(self) -> float:
        """Seconds until the next look; a call that starts now cannot be due earlier."""
        call, soon, now = self._plane.running, self._plane.patience.look_s(), time.monotonic()
        self._plane.patience.tick(now)
        if call is None:
            return min(self._timeout_s, soon)
        self._plane.patience.expire(now, call.started)
        over = now - call.started - self._timeout_s
        if over < 0:
            return min(-over, soon)
        if not call.timed_out:
            self._time_out(call)
        if over >= self._grace_s:
            self._end()
        return min(self._grace_s - over, soon)

    def _time_out(self, call: dataplane.Call) -> None:
        call.timed_out = True
        for one in call.exchanges:
            if one.answer(self._late):
                logs.say(f"request {one.request_id}: scoring timeout after {self._timeout_ms} ms")

    def _end(self) -> None:
        """The main thread is stuck in user code: nothing in this process can stop it but the process's end."""
        logs.say(
            f"the call is still running {self._grace_s:g} s after its timeout; this worker ends and is replaced"
        )
        faulthandler.dump_traceback(file=STDERR)
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(errors.STUCK)
