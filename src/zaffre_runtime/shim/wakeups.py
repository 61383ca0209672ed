"""What wakes the supervisor's loop: signals, pokes through the control FIFO, and whatever it watches besides.

Called by the supervisor alone. Decides nothing.
"""

from __future__ import annotations

import os
import select
import signal
import time
from typing import Dict, List, Optional, Tuple

from zaffre_runtime.shim import records


class Wakeups:
    """Takes the process's wake-up descriptor for signals until `close`."""

    def __init__(self, folder: str) -> None:
        self._control = records.open_control(folder)
        self._wake, writer = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def wait(self, watched: List[Tuple[int, int]], *, until: float, at_most_s: float) -> Dict[int, int]:
        """Poll once; returns which of the descriptors are ready, and for what."""
        poll = select.poll()
        for descriptor, events in [(self._wake, select.POLLIN), (self._control, select.POLLIN), *watched]:
            poll.register(descriptor, events)
        ready = dict(poll.poll(max(0, min(until - time.monotonic(), at_most_s)) * 1000 + 1))
        if self._wake in ready:
            _empty(self._wake)
        return ready

    def poked(self, ready: Dict[int, int]) -> bool:
        """Whether somebody wants the folder to be looked at."""
        return self._control in ready

    def drain_asked(self) -> Optional[float]:
        """Take the pokes; the seconds to drain of the newest that asks for an end, or None."""
        return records.read_pokes(self._control)

    def close(self) -> None:
        """Give the wake-up descriptor back."""
        signal.set_wakeup_fd(-1)


def _empty(descriptor: int) -> None:
    try:
        while os.read(descriptor, 4096):
            continue
    except BlockingIOError:
        return
