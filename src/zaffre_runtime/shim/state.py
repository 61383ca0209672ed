"""The state file of a service while its shim lives. Written by the supervisor alone."""

from __future__ import annotations

import os
from typing import Any, Dict

from zaffre_runtime.shim import records

FINAL = ("exited", "failed", "stopped")


class StateRecord:
    """What the server reads as the service's status. A write that fails is tried again by `flush`."""

    def __init__(self, folder: str, **facts: Any) -> None:
        self._path = os.path.join(folder, records.STATE)
        earlier = records.read_json(self._path) or {}
        self._unwritten = False
        self._values: Dict[str, Any] = {
            "state": "starting",
            "shim_pid": os.getpid(),
            "shim_started_at": records.utc_now(),
            "pid": None,
            "started_at": None,
            "ready_at": None,
            "woken_at": None,
            "ever_ready": bool(earlier.get("ever_ready")),
            "restarts": 0,
            "reason": "",
            "last_exit": earlier.get("last_exit"),
            "unbound": [],
            "log_dropped_bytes": 0,
            **facts,
        }
        self.set()

    @property
    def state(self) -> str:
        """starting, running, asleep, backoff, stopping, exited, failed or stopped."""
        return str(self._values["state"])

    @property
    def ever_ready(self) -> bool:
        """Whether any start of this service ever answered."""
        return bool(self._values["ever_ready"])

    @property
    def log_dropped_bytes(self) -> int:
        """The loss of output that is written down."""
        return int(self._values["log_dropped_bytes"])

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return int(self._values["restarts"])

    def set(self, **changes: Any) -> None:
        """Change values and write them; never raises."""
        self._values.update(changes, changed_at=records.utc_now())
        self._unwritten = True
        self.flush()

    def flush(self) -> None:
        """Write what could not be written before."""
        if not self._unwritten:
            return
        try:
            records.write_json(self._path, self._values)
        except OSError:
            return  # a full disk or a vanished folder must not end the process
        self._unwritten = False
