"""Wait until something is so, such as that a server which a test started listens, or say that it never will be."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Callable

from zaffre.core import errors


def for_port(port: int, process: "subprocess.Popen[bytes]", *, timeout_s: float = 180.0) -> None:
    """Return once something listens on the loopback port. Raises Unavailable when the process ends or time is over."""
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if process.poll() is not None:
            raise errors.Unavailable(f"The test server ended at once with code {process.returncode}.")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise errors.Unavailable(f"The test server did not listen within {timeout_s:.0f} seconds.")


def until(condition: Callable[[], object], *, timeout_s: float = 120.0, every_s: float = 0.02) -> None:
    """Return once the condition holds. Raises Unavailable when time is over."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= end:
            raise errors.Unavailable(f"What the test waits for was not so within {timeout_s:.0f} seconds.")
        time.sleep(every_s)
