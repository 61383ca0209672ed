"""Real replicas: the process that the server would start, on a Unix socket or a TCP port, stopped after use."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from zaffre.testing import postgres

BOOT = Path(__file__).parents[3] / "src" / "zaffre_runtime" / "zaffre_boot.py"
START_LIMIT_S = 240


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=120):
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


class Replica:
    """A scoring process; `ask` sends one request on a connection of its own."""

    def __init__(self, folder, config, environ):
        self.folder = folder
        self.config = config
        self._log = folder / "log.txt"
        path = folder / "scoring.json"
        path.write_text(json.dumps(config))
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, str(BOOT), "zaffre_runtime.scoring"],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**_plain_environment(), **environ, "ZAFFRE_SCORING_CONFIG": str(path)},
                cwd=folder,
            )

    def connection(self, timeout=120):
        if self.config.get("socket"):
            return UnixConnection(self.config["socket"], timeout)
        return http.client.HTTPConnection("127.0.0.1", self.config["port"], timeout=timeout)

    def ask(self, method="POST", path="/score", body=None, headers=None, timeout=120):
        connection = self.connection(timeout)
        with contextlib.closing(connection):
            connection.request(method, path, body=body, headers=headers or {})
            return Answer(connection.getresponse())

    def score(self, value, **headers):
        return self.ask(body=json.dumps(value), headers={"content-type": "application/json", **headers})

    def raw(self, data):
        """Bytes as they are; what comes back until the server closes, or stays silent."""
        connection = self.connection(timeout=0.3)
        connection.connect()
        with contextlib.closing(connection.sock) as sock:
            found = b""
            with contextlib.suppress(TimeoutError, ConnectionError):
                sock.sendall(data)
                while part := sock.recv(65536):
                    found += part
            return found

    def log(self):
        return self._log.read_text(errors="replace")

    def wait_until_ready(self):
        self.wait_for(self._is_ready, "ready")
        return self

    def wait_for(self, condition, what):
        until = time.monotonic() + START_LIMIT_S
        while not condition():
            if self.process.poll() is not None:
                pytest.fail(f"the replica ended with {self.process.returncode} before {what}:\n{self.log()}")
            if time.monotonic() > until:
                pytest.fail(f"not {what} after {START_LIMIT_S} s:\n{self.log()}")
            time.sleep(0.02)

    def _is_ready(self):
        try:
            return self.ask("GET", "/").status == 200
        except OSError:
            return False

    def exit_code(self):
        return self.process.wait(START_LIMIT_S)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def _plain_environment():
    keep = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
    quiet = {"ORT_DISABLE_TELEMETRY": "1", "MLFLOW_DISABLE_TELEMETRY": "true", "OMP_NUM_THREADS": "1"}
    return {**{name: os.environ[name] for name in keep if name in os.environ}, **quiet}


@contextlib.contextmanager
def _starter():
    """Unix sockets need short paths, so each replica gets a short folder of its own."""
    with contextlib.ExitStack() as stack:

        def start(script=None, *, ready=True, tcp=False, environ=None, files=None, **settings):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zs")))
            address = {"port": postgres.free_port()} if tcp else {"socket": str(folder / "x.sock")}
            config = {
                "deployment": "blue",
                "endpoint": "churn",
                "revision": "r0123456789ab",
                **address,
                **settings,
            }
            if script is not None:
                (folder / "code").mkdir()
                (folder / "code" / "score.py").write_text(textwrap.dedent(script))
                config = {"app_root": str(folder / "code"), "entry_script": "score.py", **config}
            for name, text in (files or {}).items():
                path = folder / "code" / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(textwrap.dedent(text))
            replica = Replica(folder, config, environ or {})
            stack.callback(replica.stop)
            return replica.wait_until_ready() if ready else replica

        yield start


@pytest.fixture
def start():
    with _starter() as starter:
        yield starter


@pytest.fixture(scope="module")
def start_shared():
    """For replicas that several tests of a module ask."""
    with _starter() as starter:
        yield starter
