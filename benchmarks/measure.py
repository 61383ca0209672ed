"""What the benchmarks share: peers in virtual environments of their own, processes that end, a lean HTTP connection."""

import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Iterable, Mapping
from pathlib import Path

HERE = Path(__file__).parent
WORK = HERE / ".work"


def say(text):
    """Progress, for whoever waits."""
    print(text, flush=True)


MLFLOW = "mlflow==3.17.2"
# Neither telemetry nor the job runner, which takes a minute to start, has a part in what is measured.
MLFLOW_ENVIRONMENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def end_in_order():
    """Let a polite signal unwind, so that no server is left behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


@contextlib.contextmanager
def fresh_folder(name):
    """An empty folder that is gone afterwards, also when somebody politely asks this process to end."""
    end_in_order()
    folder = WORK / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def zaffre_server(home, environment=None):
    """A server of ours in a home of its own; its router ends with it."""
    from zaffre.testing import server

    running_server = server.ServerProcess(home, environment).start()
    try:
        yield running_server
    finally:
        running_server.end()


def peer(name, *requirements):
    """The Python of a virtual environment that holds a peer; made at the first run."""
    folder = HERE / ".venvs" / name
    python, ready = folder / "bin" / "python", folder / ".ready"
    wanted = "\n".join(requirements)
    if not ready.exists() or ready.read_text() != wanted:
        say(f"installing {wanted} into its own environment")
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True)
        subprocess.run([*uv, "pip", "install", "--quiet", "--python", python, *requirements], check=True)
        ready.write_text(wanted)
    return python


@contextlib.contextmanager
def running(command, *, port, log, environment=None, patience_s=300):
    """A server process, from the moment that it listens; killed with its children at the end."""
    with open(log, "wb") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + patience_s
        while not _listens(port):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command[0]} does not listen: {Path(log).read_text()[-2000:]}")
            time.sleep(0.1)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


def _listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Connection:
    """One kept-alive HTTP connection that spends little processor time of its own."""

    def __init__(self, url, token=None):
        parts = urllib.parse.urlsplit(url)
        self._socket = socket.create_connection((parts.hostname, parts.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        self._head = f"Host: {parts.netloc}\r\n{authorization}Content-Type: application/json\r\n"
        self._rest = b""

    def ask(self, method, path, body=b""):
        """Status and body of one request."""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode() + body)
        answer = self._until_head()
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = next(
            int(line[15:]) for line in head.split(b"\r\n") if line[:15].lower() == b"content-length:"
        )
        while len(rest) < length:
            rest += self._receive()
        self._rest = rest[length:]
        return int(head[9:12]), rest[:length]

    def _until_head(self):
        answer = self._rest
        while b"\r\n\r\n" not in answer:
            answer += self._receive()
        return answer

    def _receive(self):
        piece = self._socket.recv(1 << 20)
        if not piece:
            raise ConnectionError("the server hung up")
        return piece

    def close(self):
        self._socket.close()


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def report(figures: Mapping[str, object]) -> None:
    """Print the figures as one JSON object: by agreement the last line of every benchmark."""
    print(json.dumps(figures), flush=True)
