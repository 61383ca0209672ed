"""The loop around connections: real sockets, a toy in place of routes and model."""

import contextlib
import os
import pathlib
import socket
import threading

import pytest

from zaffre.testing import waiting
from zaffre_runtime.scoring import errors, listener

ASK = b"POST /score HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\n\r\n1"


class Toy:
    """Answers with how many came together; while `held`, a thread of its own answers later."""

    def __init__(self):
        self.together = []
        self.waiting = []
        self.held = False

    def __call__(self, requests):
        self.together.append(len(requests))
        for request in requests:
            if self.held:
                self.waiting.append(request)
            else:
                request.respond(200, [], b"%d" % len(requests))

    def release(self):
        waiting, self.waiting, self.held = self.waiting, [], False
        answering = threading.Thread(
            target=lambda: [request.respond(200, [], b"late") for request in waiting]
        )
        answering.start()
        answering.join(120)


@pytest.fixture
def toy():
    return Toy()


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "s.sock")


@pytest.fixture
def start(toy, path):
    """A function that opens a listener; what runs in the end is stopped."""
    started = []

    def opened(**changed):
        fields = {"path": path, "host": None, "port": None, "most_body_bytes": 1000, **changed}
        started.append(listener.Listener(toy, fields.pop("path"), **fields))
        return started[-1]

    yield opened
    toy.release()
    for each in started:
        each.stop()
        waiting.until(each.drained)


def connected(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(120)
    sock.connect(path)
    return sock


def test_requests_that_lie_ready_together_are_given_out_together(toy, path, start):
    """While the one thread is at a request, others come; its next look takes them all."""
    entered, may_go = threading.Event(), threading.Event()
    real = toy.__call__

    def slow(requests):
        entered.set()
        assert may_go.wait(120)
        real(requests)

    opened = start()
    opened._callback = slow
    with contextlib.ExitStack() as stack:
        callers = [stack.enter_context(connected(path)) for _ in range(5)]
        callers[0].sendall(ASK)
        assert entered.wait(120)
        opened._callback = real
        for caller in callers[1:]:
            caller.sendall(ASK)
        may_go.set()
        assert {caller.recv(4096)[-1:] for caller in callers[1:]} <= {b"4"} | {b"1", b"2", b"3"}
    assert sum(toy.together) == 5
    assert max(toy.together) > 1


def test_answers_come_from_any_thread_and_connections_stay(toy, path, start):
    start()
    with connected(path) as caller:
        for _ in range(3):
            toy.held = True
            caller.sendall(ASK)
            waiting.until(lambda: toy.waiting)
            toy.release()
            assert caller.recv(4096).endswith(b"late")
        caller.sendall(ASK + ASK)
        found = b""
        while found.count(b"HTTP/1.1 200") < 2:
            found += caller.recv(4096)


def test_stopping_answers_what_was_asked_and_takes_nobody_new(toy, path, start):
    opened = start()
    toy.held = True
    with connected(path) as asking, connected(path) as idle:
        asking.sendall(ASK)
        waiting.until(lambda: toy.waiting)
        opened.leave()
        assert not pathlib.Path(path).exists()
        opened.stop()
        assert idle.recv(10) == b""
        assert not opened.drained()
        toy.release()
        assert b"connection: close" in asking.recv(4096)
        assert asking.recv(10) == b""
        waiting.until(opened.drained)


def test_at_a_socket_that_was_handed_over_who_comes_late_waits_for_the_next(toy, path, start, monkeypatch):
    with socket.socket(socket.AF_UNIX) as kept:
        kept.bind(path)
        kept.listen()
        for _ in range(2):
            monkeypatch.setenv(listener.LISTENING, str(os.dup(kept.fileno())))
            opened = start()
            assert listener.LISTENING not in os.environ
            opened.leave()
            opened.stop()
            waiting.until(opened.drained)
            with connected(path) as late:
                late.sendall(ASK)
                monkeypatch.setenv(listener.LISTENING, str(os.dup(kept.fileno())))
                after = start()
                assert late.recv(4096).startswith(b"HTTP/1.1 200")
                after.stop()
                waiting.until(after.drained)


def test_a_caller_who_breaks_off_leaves_nothing_behind(toy, path, start):
    opened = start()
    for sent in (b"", ASK[:20], ASK):
        with connected(path) as caller:
            caller.sendall(sent)
    waiting.until(lambda: sum(toy.together) == 2 and not opened._connections)
    toy.held = True
    with connected(path) as caller:
        caller.sendall(ASK)
        waiting.until(lambda: toy.waiting)
    waiting.until(lambda: len(opened._connections) == 1)  # the one that somebody may still be answering
    toy.release()
    waiting.until(lambda: not opened._connections)


def test_a_callback_that_fails_does_not_end_the_thread(toy, path, start, capsys):
    opened = start()
    real, opened._callback = opened._callback, lambda _: 1 / 0
    with connected(path) as unlucky, connected(path) as caller:
        unlucky.sendall(ASK)
        waiting.until(lambda: "ZeroDivisionError" in capsys.readouterr().err)
        opened._callback = real
        caller.sendall(ASK)
        assert caller.recv(4096).startswith(b"HTTP/1.1 200")
        (one,) = (one for one in opened._connections.values() if not one.is_idle)
        one._unanswered.clear()  # the unlucky one has no answer to wait for


def test_a_connection_that_fails_does_not_take_the_others_with_it(toy, path, start, capsys, monkeypatch):
    opened = start()
    with connected(path) as unlucky, connected(path) as caller:
        caller.sendall(ASK)
        assert caller.recv(4096).startswith(b"HTTP/1.1 200")
        waiting.until(lambda: len(opened._connections) == 2)
        for one in opened._connections.values():
            if one.is_idle:
                monkeypatch.setattr(
                    one, "feed", lambda data, feed=one.feed: 1 / 0 if data[:1] == b"!" else feed(data)
                )
        unlucky.sendall(b"!")
        assert unlucky.recv(10) == b""
        assert "ZeroDivisionError" in capsys.readouterr().err
        caller.sendall(ASK)
        assert caller.recv(4096).startswith(b"HTTP/1.1 200")


def test_tcp_and_an_address_that_is_taken(toy, start, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(errors.ConfigurationError, match=f"127.0.0.1:{port}"):
            start(path=None, host="127.0.0.1", port=port)
    opened = start(path=None, host="127.0.0.1", port=0)
    with socket.create_connection(opened._listening.getsockname(), timeout=120) as caller:
        caller.sendall(ASK)
        assert caller.recv(4096).startswith(b"HTTP/1.1 200")
