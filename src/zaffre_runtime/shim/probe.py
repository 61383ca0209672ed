"""One HTTP GET that never blocks: the supervisor's loop advances it. Over a Unix socket or TCP on this machine.

Called by the supervisor. It reads the status line only; who counts results is `policy.Thresholds`.
"""

from __future__ import annotations

import errno
import select
import socket
from typing import Any, Dict, Optional

_IN_PROGRESS = (errno.EINPROGRESS, errno.EAGAIN)


class Probe:
    """The probe of a spec: `{socket | host+port, path, initial_delay_s, period_s, timeout_s, thresholds}`."""

    def __init__(self, table: Dict[str, Any]) -> None:
        self.socket_path: Optional[str] = table.get("socket")
        self.host = str(table.get("host") or "127.0.0.1")
        self.port = int(table.get("port") or 0)
        self.path = str(table.get("path") or "/")
        self.initial_delay_s = float(table.get("initial_delay_s", 10))
        self.period_s = float(table.get("period_s", 10))
        self.timeout_s = float(table.get("timeout_s", 2))
        self.success_threshold = int(table.get("success_threshold", 1))
        self.failure_threshold = int(table.get("failure_threshold", 30))

    def begin(self, now: float) -> Look:
        """Start one look."""
        return Look(self, now)


class Look:
    """One request in flight. `result` is None until it is known."""

    def __init__(self, probe: Probe, now: float) -> None:
        self.deadline = now + probe.timeout_s
        self.result: Optional[bool] = None
        self._answer = b""
        self._request = (
            f"GET {probe.path} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: zaffre-probe\r\nConnection: close\r\n\r\n"
        ).encode()
        family = (
            socket.AF_UNIX if probe.socket_path else socket.AF_INET6 if ":" in probe.host else socket.AF_INET
        )
        self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        address: Any = probe.socket_path or (probe.host, probe.port)
        try:
            code = self._socket.connect_ex(address)
        except OSError as error:  # a path over 108 bytes, a name that is no address
            code = error.errno or errno.EINVAL
        if code != 0 and (code not in _IN_PROGRESS or (probe.socket_path and code == errno.EAGAIN)):
            self._finish(False)

    def fileno(self) -> int:
        """For poll; -1 when finished."""
        return self._socket.fileno()

    @property
    def events(self) -> int:
        """What to wait for."""
        return select.POLLOUT if self._request else select.POLLIN

    def advance(self, now: float, *, ready: bool) -> None:
        """Go on where the socket is ready; give up at the deadline."""
        if self.result is None and ready:
            try:
                self._exchange()
            except BlockingIOError:
                return
            except OSError:
                self._finish(False)
        if self.result is None and now >= self.deadline:
            self._finish(False)

    def close(self) -> None:
        """Drop the request."""
        self._socket.close()

    def _exchange(self) -> None:
        if self._request:
            sent = self._socket.send(self._request)
            self._request = self._request[sent:]
            return
        chunk = self._socket.recv(4096)
        self._answer += chunk
        if b"\r\n" in self._answer or not chunk or len(self._answer) > 65536:
            self._finish(_is_success(self._answer))

    def _finish(self, success: bool) -> None:
        self.result = success
        self.close()


def _is_success(answer: bytes) -> bool:
    parts = answer.split(b"\r\n", 1)[0].split(b" ")
    return (
        len(parts) >= 2
        and parts[0].startswith(b"HTTP/")
        and parts[1].isdigit()
        and 200 <= int(parts[1]) < 400
    )
