"""The probe against real sockets: good, bad, slow, silent, absent."""

import select
import socket
import threading
import time

import pytest

from zaffre_runtime.shim import probe


def outcome(table):
    look = probe.Probe(table).begin(time.monotonic())
    while look.result is None:
        poll = select.poll()
        poll.register(look.fileno(), look.events)
        wait_ms = max(0, look.deadline - time.monotonic()) * 1000 + 1
        ready = bool(poll.poll(wait_ms))
        look.advance(time.monotonic(), ready=ready)
    return look.result


@pytest.fixture
def serve(tmp_path):
    """Answers one connection after the other with the given bytes; None never answers."""
    listeners, threads = [], []

    def start(answer, *, family=socket.AF_UNIX):
        listener = socket.socket(family)
        listener.bind(str(tmp_path / "s.sock") if family == socket.AF_UNIX else ("127.0.0.1", 0))
        listener.listen()
        listeners.append(listener)
        held = []

        def run():
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                held.append(connection)
                if answer is not None:
                    connection.recv(4096)
                    connection.sendall(answer)
                    connection.close()

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return listener.getsockname()

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nHealthy", True),
        (b"HTTP/1.0 204 No Content\r\n\r\n", True),
        (b"HTTP/1.1 302 Found\r\n\r\n", True),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", False),
        (b"HTTP/1.1 503 No\r\n\r\n", False),
        (b"", False),
        (b"SSH-2.0-OpenSSH\r\n", False),
        (b"HTTP/1.1 abc\r\n", False),
    ],
)
def test_status_decides(serve, answer, expected):
    assert outcome({"socket": serve(answer)}) is expected


def test_over_tcp(serve):
    host, port = serve(b"HTTP/1.1 200 OK\r\n\r\n", family=socket.AF_INET)
    assert outcome({"host": host, "port": port}) is True


def test_silence_is_a_failure(serve):
    assert outcome({"socket": serve(None), "timeout_s": 0.05}) is False


def test_nobody_there(tmp_path):
    assert outcome({"socket": str(tmp_path / "none")}) is False
    assert outcome({"socket": "/tmp/" + "x" * 200}) is False
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert outcome({"port": free.getsockname()[1]}) is False
