"""The process that tests of services start, and how tests look at it: a tiny HTTP server on a Unix socket.

Used by the contract of `ServiceRunner` and by tests of the shim.
"""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from zaffre.server.compute import ports

Runner = ports.ServiceRunner
Maker = Callable[..., ports.ServiceSpec]

# Answers 200 on the socket it is given; its variables make it misbehave, and it tells its process environment when asked.
CHILD = """
import http.server, os, pathlib, signal, socket, socketserver, subprocess, sys, time
print("init: first line", flush=True)
flag = pathlib.Path(os.environ.get("FLAG", "/nonexistent"))
if os.environ.get("EXIT_CODE") and not flag.exists():
    print("Traceback: no model here", file=sys.stderr, flush=True)
    sys.exit(int(os.environ["EXIT_CODE"]))
if os.environ.get("HANG"):
    time.sleep(3600)
if os.environ.get("GRANDCHILD"):
    subprocess.Popen([sys.executable, "-c", "import os, time; os.setsid(); time.sleep(3600)"])
if os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        sick = os.path.exists(os.environ.get("SICK", "/nonexistent"))
        self.send_response(500 if sick else 200)
        self.end_headers()
        self.wfile.write(repr((os.getpid(), os.getuid(), dict(os.environ))).encode())
    def address_string(self):
        return "socket"
    def log_message(self, *arguments):
        pass
def drain(number, frame):
    print("draining", flush=True)
    time.sleep(float(os.environ.get("DRAIN", "0")))
    while os.environ.get("DRAINED") and not os.path.exists(os.environ["DRAINED"]):
        time.sleep(0.02)
    print("drained", flush=True)
    sys.exit(0)
if not os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, drain)
server = socketserver.UnixStreamServer("", Handler, bind_and_activate=False)
server.socket = socket.socket(fileno=int(os.environ["ZAFFRE_LISTEN_FD"]))
server.serve_forever()
"""


def await_that(condition: Callable[[], object], what: str, *, timeout_s: float = 120) -> None:
    """Wait until the condition is true. Fails the test with `what` when it never is."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"never came true within {timeout_s} s: {what}")
        time.sleep(0.01)


def ask(path: Path) -> tuple[int, str]:
    """Status code and body of `GET /` on a Unix socket. Raises OSError when nobody answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(60)
        connection.connect(str(path))
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def is_running(pid: int) -> bool:
    """Whether a process exists that is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pid_of(status: ports.ServiceStatus) -> int:
    """The PID of a process that must be there."""
    assert status.pid is not None
    return status.pid


def last_exit(status: ports.ServiceStatus) -> ports.LastExit:
    """How it ended, when it must have ended."""
    assert status.last_exit is not None
    return status.last_exit


def descendants(pid: int) -> list[int]:
    """The processes below a process."""
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *descendants(int(child))]
    return found
