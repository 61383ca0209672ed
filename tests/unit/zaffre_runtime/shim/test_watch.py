"""The probe over one attempt: when it must be looked at again, and what it then says."""

import http.server
import socketserver
import threading

import pytest

from zaffre_runtime.shim import watch


class Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """Quiet."""


class Server(socketserver.UnixStreamServer):
    def get_request(self):
        return super().get_request()[0], ("unix", 0)


@pytest.fixture
def table(tmp_path):
    return {"socket": str(tmp_path / "x.sock"), "period_s": 7, "timeout_s": 5}


def begun(table, now):
    """A watch whose first look has begun."""
    watching = watch.Watch(table)
    watching.start(now)
    due = watching.deadline()
    assert now < due < now + 1
    assert watching.step(due, ()) == ""
    return watching, due


def test_nobody_there_is_known_at_once_and_asked_again_soon(table):
    watching, now = begun(table, 100.0)
    assert watching.watched() == []
    assert watching.deadline() <= now
    assert watching.step(now, ()) == ""
    assert now < watching.deadline() < now + 1


def test_an_answer_makes_it_ready_and_then_it_is_asked_by_its_period(table):
    with Server(table["socket"], Answering) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        watching, now = begun(table, 100.0)
        assert watching.deadline() == now + 5
        verdict = ""
        while not verdict:
            ((descriptor, _),) = watching.watched() or [(-1, 0)]
            verdict = watching.step(now, (descriptor,))
        server.shutdown()
    assert verdict == "ready"
    assert watching.deadline() == pytest.approx(110.0)  # after the initial delay


def test_without_a_probe_there_is_nothing_to_wait_for():
    watching = watch.Watch(None)
    watching.start(100.0)
    assert watching.deadline() == watch.NEVER
    assert watching.step(1e9, ()) == ""


def test_one_that_hangs_for_a_while_is_said_to_and_said_to_be_back(table):
    watching = watch.Watch({**table, "initial_delay_s": 0, "failure_threshold": 2, "success_threshold": 2})
    watching.start(100.0, answers=True)
    assert watching.deadline() == 107.0
    told = [watching._count(success, 0) for success in (True, False, False, False, True, True, True)]
    assert told == ["", "", "failed", "failed", "failed", "ready", ""]
