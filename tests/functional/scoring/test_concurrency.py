"""One call at a time on the main thread; batches; time limits; the end of a replica."""

import concurrent.futures
import json
import os
import signal
import time
from pathlib import Path

import pytest

from zaffre_runtime.scoring import patience

ONE_AT_A_TIME = """
    import asyncio, threading, time
    inside = 0
    def init():
        global thread
        thread = threading.get_ident()
    def run(raw_data):
        global inside
        assert threading.get_ident() == thread and threading.current_thread() is threading.main_thread()
        inside += 1
        seen = inside
        time.sleep(0.005)
        inside -= 1
        return [asyncio.run(echo(raw_data)), seen]
    async def echo(value):
        return value
"""

WAITS_FOR_A_FILE = """
    import os, time
    def init(): pass
    def run(raw_data):
        if raw_data == "quick":
            return "quick"
        open("started", "w").close()
        while not os.path.exists("go"):
            time.sleep(0.005)
        return "slow"
"""


def test_run_is_called_one_at_a_time_on_the_thread_of_init(start):
    replica = start(ONE_AT_A_TIME)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda number: replica.ask(body=str(number)).json(), range(64)))
    assert answers == [[str(number), 1] for number in range(64)]


def test_health_answers_while_a_call_runs(start):
    replica = start(WAITS_FOR_A_FILE)
    code = replica.folder / "code"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(replica.ask, body="slow")
        replica.wait_for((code / "started").exists, "in the call")
        assert replica.ask("GET", "/").status == 200
        (code / "go").touch()
        assert slow.result().json() == "slow"


def test_a_caller_that_leaves_before_its_answer_harms_nobody(start):
    replica = start(WAITS_FOR_A_FILE)
    code = replica.folder / "code"
    leaving = replica.connection()
    leaving.request("POST", "/score", body="slow")
    replica.wait_for((code / "started").exists, "in the call")
    leaving.close()
    (code / "go").touch()
    assert replica.ask(body="quick").json() == "quick"


def test_sigterm_is_heard_when_the_script_took_the_wake_up_descriptor(start):
    replica = start(
        "import signal\ndef init(): pass\ndef run(raw_data): return signal.set_wakeup_fd(-1) > 0\n"
    )
    assert replica.ask(body="").json() is True
    replica.process.send_signal(signal.SIGTERM)
    assert replica.exit_code() == 0


def test_a_call_over_its_time_is_answered_and_the_worker_goes_on_if_it_ends_in_the_grace(start):
    replica = start(WAITS_FOR_A_FILE, request_timeout_ms=200, timeout_grace_ms=60_000)
    answer = replica.ask(body="slow")
    assert answer.status == 500
    assert answer.json() == {"message": "Scoring timeout after 200 ms"}
    assert answer.headers["x-ms-run-function-failed"] == "True"
    (replica.folder / "code" / "go").touch()
    replica.wait_for(lambda: replica.ask(body="quick").json() == "quick", "at work again")


def test_a_stuck_call_ends_the_worker_and_closes_waiting_connections(start):
    replica = start(WAITS_FOR_A_FILE, request_timeout_ms=300, timeout_grace_ms=700)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        stuck = pool.submit(replica.ask, body="slow")
        replica.wait_for((replica.folder / "code" / "started").exists, "in the call")
        waiting = pool.submit(replica.ask, body="quick")
        assert stuck.result().status == 500
        with pytest.raises(OSError):
            waiting.result()
    assert replica.exit_code() == 5
    assert "in run" in replica.log()  # where it was stuck


def test_code_that_never_gives_up_the_interpreter_lock_ends_too(start):
    script = """
        import re
        def init(): pass
        def run(raw_data):
            return bool(re.match(r"(a+)+$", "a" * 64 + "b"))
    """
    replica = start(script, request_timeout_ms=100, timeout_grace_ms=100, lock_held_grace_ms=500)
    with pytest.raises(OSError):
        replica.ask(body="x")
    assert replica.exit_code() == 1
    assert "in run" in replica.log()


def test_the_users_variable_shortens_the_time(start):
    replica = start(WAITS_FOR_A_FILE, environ={"SCORING_TIMEOUT_MS": "100"}, timeout_grace_ms=60_000)
    assert replica.ask(body="slow").json() == {"message": "Scoring timeout after 100 ms"}


def test_sigterm_finishes_what_is_in_flight_refuses_new_and_exits_0(start):
    replica = start(WAITS_FOR_A_FILE)
    code = replica.folder / "code"
    idle = replica.connection()
    idle.request("GET", "/")
    idle.getresponse().read()
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        slow = pool.submit(replica.ask, body="slow")
        replica.wait_for((code / "started").exists, "in the call")
        queued = replica.connection()
        queued.request("POST", "/score", body="quick")
        for _ in range(3):  # the I/O thread has now read the request before
            assert replica.ask("GET", "/").status == 200
        replica.process.send_signal(signal.SIGTERM)
        replica.wait_for(lambda: not Path(replica.config["socket"]).exists(), "closed")
        with pytest.raises(OSError):
            replica.ask(body="new")
        (code / "go").touch()
        assert slow.result().json() == "slow"
        assert queued.getresponse().read() == b'"quick"'
    assert replica.exit_code() == 0
    queued.close()
    idle.close()


def test_sigterm_when_idle_and_the_users_exit_hooks(start):
    replica = start(
        """
        import atexit
        def init(): atexit.register(print, "goodbye")
        def run(raw_data): return 1
        """,
        tcp=True,
    )
    replica.process.send_signal(signal.SIGTERM)
    assert replica.exit_code() == 0
    assert "goodbye" in replica.log()


def test_a_script_that_exits_ends_the_worker(start):
    replica = start("import sys\ndef init(): pass\ndef run(raw_data): sys.exit(0)\n")
    with pytest.raises(OSError):
        replica.ask(body="")
    assert replica.exit_code() == 1
    assert "SystemExit" in replica.log()


def test_too_many_waiting_are_refused_with_429(start):
    replica = start(WAITS_FOR_A_FILE, max_waiting=2)
    code = replica.folder / "code"
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        first = pool.submit(replica.ask, body="slow")
        replica.wait_for((code / "started").exists, "in the call")
        others = [pool.submit(replica.ask, body="quick") for _ in range(6)]
        refused = [done.result() for done in _first(others, 4)]
        assert [answer.status for answer in refused] == [429] * 4
        (code / "go").touch()
        assert first.result().status == 200
        assert sorted(other.result().status for other in others) == [200] * 2 + [429] * 4


def test_behind_a_long_call_the_wait_ends_with_429_in_time(start):
    replica = start(WAITS_FOR_A_FILE, max_queue_wait_ms=200, request_timeout_ms=20_000)
    time.sleep(patience.HELD_S)  # who comes at once counts as held
    code = replica.folder / "code"
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        first = pool.submit(replica.ask, body="slow")
        replica.wait_for((code / "started").exists, "in the call")
        refused = [done.result() for done in [pool.submit(replica.ask, body="quick") for _ in range(3)]]
        assert [answer.status for answer in refused] == [429] * 3
        assert refused[0].headers["x-zaffre-try-elsewhere"] == "1"
        assert refused[0].headers["ms-azureml-model-error-reason"] == "too_many_pending_request"
        (code / "go").touch()
        assert first.result().status == 200
    replica.wait_for(lambda: replica.ask(body="quick").status == 200, "at work again")


def test_the_codes_of_a_managed_endpoint(start):
    script = """
        import json, time
        from azureml.contrib.services.aml_response import AMLResponse
        def init(): pass
        def run(raw_data):
            asked = json.loads(raw_data)
            time.sleep(asked.get("wait_s", 0))
            if "status" in asked:
                return AMLResponse("as I said", asked["status"], {"X-Mine": "1"})
            return asked["missing"]
    """
    replica = start(script, managed=True, request_timeout_ms=120_000)
    said = replica.score({"status": 418})
    assert (said.status, said.body, said.headers["x-mine"]) == (424, b"as I said", "1")
    assert said.headers["ms-azureml-model-error-statuscode"] == "418"
    assert said.headers["ms-azureml-model-error-reason"] == "model_error"
    raised = replica.score({})
    assert (raised.status, raised.headers["ms-azureml-model-error-statuscode"]) == (424, "500")
    assert raised.headers["x-ms-run-function-failed"] == "True"
    assert "KeyError" in replica.log()
    assert replica.score({"status": 200}).status == 200
    assert replica.ask(body=b"\xff\xfe").status == 400
    assert replica.ask("PUT", body=b"{}").status == 405
    hasty = start(script, managed=True, request_timeout_ms=300, timeout_grace_ms=60_000)
    assert hasty.score({"wait_s": 1}).status == 408


def _first(futures, count):
    done = []
    for future in concurrent.futures.as_completed(futures):
        done.append(future)
        if len(done) == count:
            return done
    return done


@pytest.fixture(scope="module")
def recording_model(start_shared, tmp_path_factory):
    """A scikit-learn estimator that knows how many rows each call had, and fails on a row that starts with 666."""
    folder = tmp_path_factory.mktemp("model")
    source = tmp_path_factory.mktemp("source")
    (source / "recorder.py").write_text(
        "import time\n"
        "from sklearn.base import BaseEstimator\n"
        "class Recorder(BaseEstimator):\n"
        "    n_features_in_ = 2\n"
        "    def predict(self, X):\n"
        "        time.sleep(0.02)\n"
        "        if (X[:, 0] == 666).any():\n"
        "            raise RuntimeError('a row broke the model')\n"
        "        return [[float(row[0]) * 2, len(X)] for row in X]\n"
    )
    (folder / "model.pkl").write_bytes(b"crecorder\nRecorder\n)\x81.")
    return start_shared(model_dir=str(folder), environ={"PYTHONPATH": str(source)})


def test_each_of_a_batch_gets_its_own_answer(recording_model):
    def ask(number):
        rows = [[number * 10 + row, 0] for row in range(number % 3 + 1)]
        return [row[0] / 2 for row in recording_model.score({"data": rows}).json()]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(96)))
    assert answers == [[number * 10 + row for row in range(number % 3 + 1)] for number in range(96)]


def test_requests_that_wait_are_scored_together(recording_model):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda number: recording_model.score({"data": [[number, 0]]}).json(), range(64))
        )
    assert max(answer[0][1] for answer in answers) > 1


def test_a_row_that_breaks_the_model_fails_alone(recording_model):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(
                lambda number: recording_model.score({"data": [[666 if number % 8 == 3 else number, 0]]}),
                range(48),
            )
        )
    assert [answer.status for answer in answers] == [500 if number % 8 == 3 else 200 for number in range(48)]
    assert [answer.json()[0][0] for answer in answers if answer.status == 200] == [
        number * 2.0 for number in range(48) if number % 8 != 3
    ]


def test_many_connections_and_no_lost_answer(recording_model):
    """Keep-alive clients, each on its own connection, as Envoy would hold them."""

    def client(number):
        connection = recording_model.connection()
        found = []
        for turn in range(20):
            connection.request("POST", "/score", body=json.dumps({"data": [[number * 100 + turn, 1]]}))
            found.append(json.loads(connection.getresponse().read())[0][0] / 2)
        connection.close()
        return found

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(client, range(32)))
    assert answers == [[number * 100 + turn for turn in range(20)] for number in range(32)]


def test_the_process_is_one(recording_model):
    children = Path(f"/proc/{recording_model.process.pid}/task/{recording_model.process.pid}/children")
    if not children.exists():
        pytest.skip("this kernel does not list children")
    assert children.read_text() == ""
    assert os.getpgid(recording_model.process.pid) > 0


def test_a_lone_caller_of_a_quick_model_is_answered_on_the_listeners_thread(start, tmp_path):
    """Also after callers that left in the middle of a body, who are under way no more."""
    model, source = tmp_path / "model", tmp_path / "source"
    model.mkdir()
    source.mkdir()
    (source / "teller.py").write_text(
        "import os, threading, sklearn\n"
        "from sklearn.base import BaseEstimator\n"
        "class Teller(BaseEstimator):\n"
        "    n_features_in_ = 1\n"
        "    def predict(self, X):\n"
        "        is_main = threading.get_native_id() == os.getpid()\n"
        "        return [[is_main, sklearn.get_config()['assume_finite'], float(row[0])] for row in X]\n"
    )
    (model / "model.pkl").write_bytes(b"cteller\nTeller\n)\x81.")
    replica = start(model_dir=str(model), environ={"PYTHONPATH": str(source)})
    for _ in range(3):
        leaver = replica.connection()
        leaver.putrequest("POST", "/score")
        leaver.putheader("content-length", "100")
        leaver.endheaders(b"{")
        leaver.close()
    assert replica.score({"data": [[1]]}).json() == [[True, True, 1.0]]
    connection = replica.connection()
    for number in range(2000):
        connection.request("POST", "/score", body=json.dumps({"data": [[number]]}))
        is_main, is_configured, value = json.loads(connection.getresponse().read())[0]
        assert (is_configured, value) == (True, number)
        if not is_main:
            return
    raise AssertionError("every request was scored on the main thread")
