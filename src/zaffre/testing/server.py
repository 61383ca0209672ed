"""A real server process for tests: a home of its own, started and stopped by the test, killed when the test wants that."""

import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import httpx

from zaffre.core import settings, version
from zaffre.sdk import trust
from zaffre.server.app import home as homes
from zaffre.server.app import stopping


class ServerProcess:
    """`start` returns when the server answers; `stop` sends a signal and waits; `start` again restarts it."""

    def __init__(self, home: Path, environment: Mapping[str, str] | None = None) -> None:
        self.home = home
        self.environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._words: IO[str] | None = None

    @property
    def pid(self) -> int:
        """The process that was started last."""
        if self._process is None:
            raise AssertionError("the server was not started")
        return self._process.pid

    def start(self, *, within_s: float = 180) -> "ServerProcess":
        """Start the server and wait until it answers. Raises AssertionError with what it said when it ends."""
        source = str(Path(version.__file__).parents[2])
        environment = {**os.environ, **self.environment, "ZAFFRE_HOME": str(self.home), "PYTHONPATH": source}
        environment.setdefault("PYTHONFAULTHANDLER", "1")
        # A file: a pipe that nobody reads would one day be full, and the server would wait for ever.
        self._words = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115  # `stop` closes it
        self._process = subprocess.Popen(
            [sys.executable, "-m", "zaffre.server.app"], env=environment, stderr=self._words
        )
        end = time.monotonic() + within_s
        while not self._answers():
            if self._process.poll() is not None:
                raise AssertionError(f"the server ended: {self._said()}")
            if time.monotonic() > end:
                self._process.send_signal(signal.SIGABRT)  # faulthandler says where it hung
                self._process.wait(60)
                raise AssertionError(f"the server did not come up in time: {self._said()}")
            time.sleep(0.02)
        return self

    def facts(self) -> dict[str, Any]:
        """The content of server.json; empty before the first start."""
        try:
            known: dict[str, Any] = json.loads((self.home / "server.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return known

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        process = self._process
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(number)
        code = process.wait(120)
        if self._words:
            self._words.close()
        self._process = None
        return code

    def end(self) -> None:
        """Stop the server and everything that outlives it."""
        self.stop()
        environment = {**self.environment, "ZAFFRE_HOME": str(self.home), "ZAFFRE_DRAIN_S": "1"}
        configured, _ = settings.load(environment)
        stopping.stop_services(configured, homes.Home(configured))

    def token(self) -> str:
        """The owner's token."""
        return (self.home / "token").read_text(encoding="utf-8").strip()

    def verify(self, url: str) -> ssl.SSLContext:
        """What connections to an address of this server are verified with."""
        return trust.Trust.find(environ={**self.environment, "ZAFFRE_HOME": str(self.home)}).context(url)

    def client(self, token: str | None = None) -> httpx.Client:
        """An HTTP client below /api/v1, as the owner unless another token is given."""
        headers = {"Authorization": f"Bearer {token or self.token()}"}
        url = self.facts()["url"]
        return httpx.Client(base_url=f"{url}/api/v1", headers=headers, timeout=120, verify=self.verify(url))

    def _answers(self) -> bool:
        facts = self.facts()
        if facts.get("pid") != self.pid:
            return False
        try:
            url = facts["url"]
            return httpx.get(f"{url}/healthz", timeout=30, verify=self.verify(url)).status_code == 200
        except httpx.TransportError:
            return False

    def _said(self) -> str:
        if self._words is None:
            return ""
        self._words.seek(0)
        return self._words.read()
