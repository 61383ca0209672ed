"""The shim by itself, as a program: by path and by module, under several Pythons, on a full disk; and what it costs."""

import ast
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from zaffre.testing import postgres, service_child
from zaffre_runtime import shim
from zaffre_runtime.shim import logs, records

SOURCES = sorted(Path(shim.__file__).parent.glob("*.py"))
UP = "import time; print('up', flush=True); time.sleep(3600)"


def other_pythons():
    """Interpreters of other versions that this machine happens to have."""
    found = {}
    for folder in [*os.get_exec_path(), *map(str, Path.home().glob(".pyenv/versions/*/bin"))]:
        for version in ("3.9", "3.10", "3.12", "3.13", "3.14"):
            path = Path(folder, f"python{version}")
            if os.access(path, os.X_OK) and "shims" not in path.parts:
                found.setdefault(version, str(path))
    return found


PYTHONS = {"this": sys.executable, **other_pythons()}


@pytest.fixture
def service(tmp_path):
    """Writes a spec; what runs by it is ended after the test."""
    folder = tmp_path / "service"

    def make(code, **changes):
        (folder / "files").mkdir(parents=True)
        spec = {
            "id": "s",
            "argv": [sys.executable, "-c", code],
            "environment": {},
            "socket_folder": str(tmp_path / "run"),
            "restart": {"policy": "never"},
            **changes,
        }
        (folder / "spec.json").write_text(json.dumps(spec))
        return folder

    yield make
    if records.lock_holder(str(folder)):
        records.request_stop(str(folder), 0)
        service_child.await_that(lambda: records.lock_holder(str(folder)) is None, "the shim's end")


def start(folder, *command):
    return subprocess.run([*command, str(folder)], capture_output=True, text=True, timeout=240)


def by_path(python):
    return python, "-S", "-E", str(Path(shim.__file__).with_name("__main__.py"))


@pytest.mark.parametrize("version", PYTHONS)
def test_runs_by_path_under_every_python_here(service, version):
    folder = service(UP)
    done = start(folder, *by_path(PYTHONS[version]))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert records.lock_holder(str(folder))
    service_child.await_that(lambda: "up" in logs.read_tail(str(folder / "log"), None), "output")
    records.request_stop(str(folder), 0)
    service_child.await_that(lambda: records.lock_holder(str(folder)) is None, "its end")
    assert records.read_json(str(folder / "state.json"))["state"] == "stopped"
    assert not (folder / records.ERROR).exists()


def test_runs_as_a_module(service):
    folder = service(UP)
    environment = {**os.environ, "PYTHONPATH": str(Path(shim.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-m", "zaffre_runtime.shim", str(folder)],
        env=environment,
        capture_output=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert records.lock_holder(str(folder))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_is_python_3_9(source):
    ast.parse(source.read_text(), feature_version=(3, 9))


def test_a_folder_without_a_spec_is_an_error(tmp_path):
    done = start(tmp_path, *by_path(sys.executable))
    assert done.returncode == 1
    assert "no spec" in done.stderr
    assert start(tmp_path / "none", *by_path(sys.executable)).returncode == 1
    assert subprocess.run([*by_path(sys.executable)], capture_output=True).returncode == 2


def test_is_small_and_loads_only_the_standard_library(service):
    folder = service(UP)
    start(folder, *by_path(sys.executable))
    pid = records.lock_holder(str(folder))
    rows = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    assert int(rows["VmRSS"].split()[0]) < 20_000  # kB
    assert "site-packages" not in Path(f"/proc/{pid}/maps").read_text()
    assert rows["Threads"].strip() == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_neither_blocks_nor_kills(service, tmp_path):
    folder = tmp_path / "service"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=True)
    done = tmp_path / "done"
    code = f"""
import pathlib, time
for number in range(200):
    print("x" * 10000, flush=True)
pathlib.Path({str(done)!r}).touch()
time.sleep(3600)
"""
    try:
        service(code)
        assert start(folder, *by_path(sys.executable)).returncode == 0
        service_child.await_that(done.exists, "the process writes two megabytes and goes on")
        shim_pid = records.lock_holder(str(folder))
        assert shim_pid
        records.request_stop(str(folder), 10)
        service_child.await_that(lambda: records.lock_holder(str(folder)) is None, "it still heeds a stop")
        assert "bytes of output" not in done.read_text()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_machine_restart_that_emptied_run_is_survived(service, tmp_path):
    folder = service(UP)
    start(folder, *by_path(sys.executable))
    records.request_stop(str(folder), 0)
    service_child.await_that(lambda: records.lock_holder(str(folder)) is None, "its end")
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    (folder / "stop").unlink()
    start(folder, *by_path(sys.executable))
    service_child.await_that((tmp_path / "run").is_dir, "the socket folder is there again")
    assert records.lock_holder(str(folder))


ANSWERS = """
import http.server, os, socket, sys, time
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 100
    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        super().server_bind()
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = str(os.getpid()).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
Server(("127.0.0.1", int(sys.argv[1])), Answer).serve_forever()
"""
ASKED = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


def answered(connection):
    connection.sendall(ASKED)
    text = b""
    while b"\r\n\r\n" not in text or text.endswith(b"\r\n\r\n"):
        got = connection.recv(4096)
        assert got, text
        text += got
    return int(text.rpartition(b"\n")[2])


def test_an_address_is_kept_while_its_process_is_started_again(service):
    port = postgres.free_port()
    folder = service(
        ANSWERS,
        argv=[sys.executable, "-c", ANSWERS, str(port)],
        kept_address=["127.0.0.1", port],
        restart={"policy": "always", "backoff_s": 2.0},
        liveness={"path": "/", "port": port, "period_s": 60, "timeout_s": 2, "failure_threshold": 9},
    )
    assert start(folder, *by_path(sys.executable)).returncode == 0

    def state():
        return records.read_json(str(folder / "state.json")) or {"state": "none"}

    service_child.await_that(lambda: state()["state"] == "running", "an answer")
    first = state()["pid"]
    with socket.create_connection(("127.0.0.1", port)) as early:
        assert answered(early) == first
        os.kill(first, signal.SIGKILL)
        service_child.await_that(lambda: state()["state"] == "backoff", "its death to be heard of")
        held = [socket.create_connection(("127.0.0.1", port), timeout=120) for _ in range(20)]
        later = []
        while state()["state"] != "running":
            later.append(socket.create_connection(("127.0.0.1", port), timeout=120))
            time.sleep(0.05)
    second = state()["pid"]
    assert [answered(one) for one in held + later] == [second] * len(held + later)
    assert answered(held[0]) == second  # and the connection stays
    for one in held + later:
        one.close()
    shim_pid = state()["shim_pid"]
    children = Path(f"/proc/{shim_pid}/task/{shim_pid}/children")
    service_child.await_that(
        lambda: children.read_text().split() == [str(second)], "the end of who passed on"
    )
    os.kill(second, signal.SIGKILL)
    service_child.await_that(lambda: state()["state"] == "backoff", "its death to be heard of")
    waiting = socket.create_connection(("127.0.0.1", port), timeout=120)
    records.request_stop(str(folder), 0)
    with pytest.raises(ConnectionResetError):  # nobody comes back: who waits is told
        answered(waiting)
    waiting.close()
