"""A thread that repeats one step: when it is woken, and after a while anyway. A step that fails is tried again later."""

import logging
import threading
import time
from collections.abc import Callable

from zaffre.core import tally

log = logging.getLogger(__name__)

LONGEST_PAUSE_S = 30.0


class Loop:
    """Repeats `step` on its own thread. `step` says after how many seconds it wants to be called at the latest."""

    def __init__(self, name: str, step: Callable[[], float]) -> None:
        self.name = name
        self._step = step
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Run the step soon. May be called from any thread, often."""
        self._wake.set()

    def stop(self, timeout_s: float = 10.0) -> bool:
        """End after the step in progress; false if it did not end in time."""
        self._ending.set()
        self._wake.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        failures = 0
        while not self._ending.is_set():
            self._wake.clear()
            began = time.perf_counter()
            try:
                pause_s = self._step()
                failures = 0
                tally.STEPS.add((self.name, "ok"), time.perf_counter() - began)
            except Exception:  # the outermost loop of this thread: whatever failed, the next turn may succeed
                failures += 1
                tally.STEPS.add((self.name, "failed"), time.perf_counter() - began)
                pause_s = min(0.2 * 2**failures, LONGEST_PAUSE_S)
                log.exception("%s failed; next try in %.1f s", self.name, pause_s)
                if self._ending.wait(pause_s):
                    return
                continue
            self._wake.wait(pause_s)
