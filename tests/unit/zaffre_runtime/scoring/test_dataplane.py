"""Where a request is scored: on the main thread, or on the listener's when it is alone and calls are quick."""

import threading
import time
import types

import numpy as np
import pytest
import skl2onnx
from sklearn.linear_model import LinearRegression

from zaffre_runtime.scoring import answers, batching, config, dataplane, exchange
from zaffre_runtime.scoring.loaders import onnx

TRIES = 2000  # a busy machine makes a call slow now and then


class Request:
    headers: dict = {}

    def __init__(self, body):
        self.body = body
        self.answered = threading.Event()

    def respond(self, status, headers, body):
        self.status = status
        self.answered.set()


class Scorer:
    """Notes on which threads it is called and prepared."""

    most = 4

    def __init__(self, takes_s=0.0):
        self.takes_s = takes_s
        self.threads = []
        self.prepared = []
        self.fails = False

    def score(self, exchanges):
        self.threads.append(threading.get_ident())
        time.sleep(self.takes_s)
        if self.fails:
            raise ValueError("the model failed")
        return [answers.Answer(200, b"1") for _ in exchanges]


class AnywhereScorer(Scorer):
    def here(self):
        self.prepared.append(threading.get_ident())


@pytest.fixture
def serving():
    """Starts the data plane of a scorer on a thread that stands for the main one."""
    planes = []

    def start(scorer):
        plane = dataplane.DataPlane(scorer, config.Config(socket="s"))
        thread = threading.Thread(target=plane.serve)
        thread.start()
        planes.append((plane, thread))
        return plane

    yield start
    for plane, thread in planes:
        plane.stop()
        thread.join()


def ask(plane, *bodies):
    """Requests that came together, as the listener hands them over; returns their status."""
    requests = [Request(body) for body in bodies or (b"{}",)]
    for request in requests:
        assert plane.submit(exchange.Exchange(request, [], plane.under_way))
    plane.all_arrived()
    assert all(request.answered.wait(120) for request in requests)
    return [request.status for request in requests]


def ask_until_here(plane, scorer):
    for _ in range(TRIES):
        ask(plane)
        if scorer.threads[-1] == threading.get_ident():
            return
    raise AssertionError("it was never scored on the listener's thread")


def test_one_quick_request_after_the_other_is_scored_on_the_listeners_thread(serving):
    scorer = AnywhereScorer()
    plane = serving(scorer)
    ask(plane)
    assert scorer.threads[0] != threading.get_ident()
    ask_until_here(plane, scorer)
    ask_until_here(plane, scorer)
    assert scorer.prepared == [threading.get_ident()]
    assert plane.running is None
    assert not plane.under_way


@pytest.fixture
def onnx_scorer(tmp_path):
    fitted = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    model = skl2onnx.to_onnx(fitted, np.zeros((1, 1), np.float32))
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    loaded = onnx.load(tmp_path / "model.onnx")
    scorer = batching.Batched(loaded, 4)
    scorer.threads, call = [], loaded._call
    loaded._call = lambda feeds: scorer.threads.append(threading.get_ident()) or call(feeds)
    return scorer


def test_an_onnx_model_on_the_cpu_is_scored_there_too(serving, onnx_scorer):
    plane = serving(onnx_scorer)
    for _ in range(TRIES):
        assert ask(plane, b'{"data": [[3]]}') == [200]
        if onnx_scorer.threads[-1] == threading.get_ident():
            break
    assert len(set(onnx_scorer.threads)) == 2


def test_a_session_that_is_not_on_the_cpu_alone_keeps_to_its_thread():
    for providers, found in (
        (["CPUExecutionProvider"], True),
        (["AzureExecutionProvider", "CPUExecutionProvider"], True),
        (["CUDAExecutionProvider", "CPUExecutionProvider"], False),
    ):
        session = types.SimpleNamespace(get_providers=lambda providers=providers: providers)
        assert (onnx._here(session) is not None) is found


def test_large_bodies_and_more_than_a_call_takes_go_to_the_main_thread(serving):
    scorer = AnywhereScorer()
    plane = serving(scorer)
    for bodies in ([b" " * (dataplane.SMALL + 1)], [b" " * (dataplane.SMALL // 2 + 1)] * 2, [b"{}"] * 5):
        ask_until_here(plane, scorer)
        count = len(scorer.threads)
        ask(plane, *bodies)
        assert threading.get_ident() not in scorer.threads[count:]


def test_quick_requests_that_come_together_share_a_call_on_the_listeners_thread(serving):
    scorer = AnywhereScorer()
    plane = serving(scorer)
    ask_until_here(plane, scorer)
    count = len(scorer.threads)
    assert ask(plane, *[b"{}"] * scorer.most) == [200] * scorer.most
    assert scorer.threads[count:] == [threading.get_ident()]


def test_who_comes_while_the_main_thread_works_waits_for_it(serving):
    """One call at a time, whatever the thread."""
    scorer = AnywhereScorer()
    plane = serving(scorer)
    ask_until_here(plane, scorer)
    with plane._turns:
        request = Request(b"{}")
        assert plane.submit(exchange.Exchange(request, [], plane.under_way))
        plane.all_arrived()
        assert not request.answered.is_set()
    assert request.answered.wait(120)
    assert scorer.threads[-1] != threading.get_ident()


def test_slow_models_and_scripts_stay_on_the_main_thread(serving):
    for scorer in (AnywhereScorer(takes_s=2 * dataplane.QUICK_S), Scorer()):
        plane = serving(scorer)
        for _ in range(3 * dataplane.CALM):
            ask(plane)
        assert threading.get_ident() not in scorer.threads


def test_a_model_that_fails_on_the_listeners_thread_is_answered_and_goes_on(serving):
    scorer = AnywhereScorer()
    plane = serving(scorer)
    ask_until_here(plane, scorer)
    scorer.fails = True
    assert ask(plane) == [500]
    scorer.fails = False
    assert ask(plane) == [200]
    ask_until_here(plane, scorer)
