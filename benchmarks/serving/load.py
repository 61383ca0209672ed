"""The load: wrk on its own core, one request repeated over so many connections. Beside it a slow probe checks answers' values."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

SCRIPT = Path(__file__).with_name("load.lua")
PROBE_PAUSE_S = 0.1


@dataclasses.dataclass(frozen=True)
class Target:
    """What is asked: `key` goes into the authorization header, by a file that only its owner can read."""

    url: str
    body: str | bytes
    key: str = ""


@dataclasses.dataclass(frozen=True)
class Figures:
    """Of one burst. `failed`: any status above 399, broken or timed-out request, or an answer with a wrong value."""

    rps: float
    p50_ms: float
    p99_ms: float
    failed: int
    probed: int


def ensure_tool() -> None:
    """wrk is not on the Python index: root gets it by apt, others are told."""
    if shutil.which("wrk"):
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit("The load comes from wrk and none is installed: install your system's wrk package.")
    print("installing wrk", flush=True)
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "install", "-y", "-qq", "wrk"]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def burst(
    target: Target, *, core: int, connections: int, seconds: float, is_right: Callable[[], bool]
) -> Figures:
    """Load for so long, with `is_right` (one request, its value compared) called ten times a second all the while."""
    with tempfile.TemporaryDirectory() as folder:
        body, key = Path(folder) / "body", Path(folder) / "key"
        body.write_bytes(target.body.encode() if isinstance(target.body, str) else target.body)
        key.touch(mode=0o600)
        key.write_text(f"Bearer {target.key}", encoding="utf-8")
        command = [
            "taskset", "--cpu-list", str(core), "wrk", "--threads", "1", "--connections", str(connections),
            "--duration", f"{seconds:g}s", "--timeout", "10s", "--script", str(SCRIPT), target.url,
            "--", str(body), *([str(key)] if target.key else []),
        ]  # fmt: skip
        running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        probe = Probe(is_right)
        probe.start()
        output, _ = running.communicate()
        wrong, probed = probe.end()
    if running.returncode != 0:
        raise SystemExit(f"wrk ended with {running.returncode}: {output}")
    return read(output, wrong=wrong, probed=probed)


def read(output: str, *, wrong: int, probed: int) -> Figures:
    """The last line is the script's."""
    told = json.loads(output.strip().splitlines()[-1])
    return Figures(
        rps=told["requests"] / told["duration_s"],
        p50_ms=told["p50_ms"],
        p99_ms=told["p99_ms"],
        failed=told["bad_status"] + told["broken"] + wrong,
        probed=probed,
    )


class Probe(threading.Thread):
    """Asks now and then while the load runs, and counts answers that are not right."""

    def __init__(self, is_right: Callable[[], bool]) -> None:
        super().__init__(daemon=True)
        self._is_right = is_right
        self._over = threading.Event()
        self._wrong = 0
        self._probed = 0

    def run(self) -> None:
        while not self._over.wait(PROBE_PAUSE_S):
            self._probed += 1
            if not self._is_right():
                self._wrong += 1

    def end(self) -> tuple[int, int]:
        """(wrong, asked)"""
        self._over.set()
        self.join()
        return self._wrong, self._probed
