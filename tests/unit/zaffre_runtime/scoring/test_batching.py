"""The scorer for no-code models and the data plane's queue, with models of a few lines and no network."""

import json
import threading

import pytest

from zaffre_runtime.scoring import answers, batching, config, dataplane, errors, swagger


class Asked:
    """As much of an exchange as the scorer and the data plane touch."""

    request_id = "r"

    def __init__(self, value):
        self.scope = self
        self.method = "POST"
        self.body = json.dumps(value).encode()
        self.given = []
        self.is_inference = False
        self.headers = {}
        self.alone = False

    def answer(self, answer):
        self.given.append(answer)
        return True


class Doubling:
    """Takes lists of numbers; records how many inputs each call joined."""

    def __init__(self):
        self.calls = []

    def parse(self, body):
        value = json.loads(body)
        if not isinstance(value, list):
            raise errors.Refused(400, "a list")
        return batching.Rows(value, len(value), "same")

    def predict(self, inputs):
        self.calls.append(len(inputs))
        return [number * 2 for one in inputs for number in one.value]

    def schemas(self):
        return swagger.ANYTHING


class Summing(Doubling):
    """Answers with one number for the whole input: not by row."""

    def predict(self, inputs):
        self.calls.append(len(inputs))
        return [sum(number for one in inputs for number in one.value)]


def bodies(found):
    return [json.loads(answer.body) for answer in found]


def test_inputs_are_joined_and_split():
    model = Doubling()
    found = batching.Batched(model, 8).score([Asked([1, 2]), Asked([3]), Asked([4, 5, 6])])
    assert bodies(found) == [[2, 4], [6], [8, 10, 12]]
    assert model.calls == [3]
    assert len({answer.exec_ms for answer in found}) == 1


def test_a_refused_body_leaves_its_neighbours_joined():
    model = Doubling()
    found = batching.Batched(model, 8).score([Asked([1]), Asked("no"), Asked([2])])
    assert [answer.status for answer in found] == [200, 400, 200]
    assert model.calls == [2]


def test_a_model_that_does_not_answer_by_row_is_asked_alone_from_then_on():
    model = Summing()
    scorer = batching.Batched(model, 8)
    assert bodies(scorer.score([Asked([1, 2]), Asked([3, 4])])) == [[3], [7]]
    assert model.calls == [2, 1, 1]
    assert bodies(scorer.score([Asked([1]), Asked([2])])) == [[1], [2]]
    assert model.calls == [2, 1, 1, 1, 1]


class Scorer:
    """Fails for the word `bad`, alone or among others."""

    def __init__(self, most):
        self.most = most
        self.sizes = []

    def score(self, exchanges):
        self.sizes.append(len(exchanges))
        values = [json.loads(asked.body) for asked in exchanges]
        if "bad" in values:
            raise RuntimeError("bad among them")
        if "refused" in values:
            raise errors.Refused(409, "refused")
        return [answers.Answer(200, asked.body) for asked in exchanges]


@pytest.mark.parametrize("most", [1, 3, 64])
def test_every_request_is_answered_once_and_errors_stay_alone(most, capsys):
    scorer = Scorer(most)
    plane = dataplane.DataPlane(scorer, config.Config(max_waiting=1000, request_timeout_ms=60_000))
    asked = [Asked("bad" if number == 5 else "refused" if number == 9 else number) for number in range(100)]
    assert all(plane.submit(one) for one in asked)
    plane.all_arrived()
    plane.stop()
    plane.serve()
    statuses = [[answer.status for answer in one.given] for one in asked]
    assert statuses == [[500] if number == 5 else [409] if number == 9 else [200] for number in range(100)]
    assert max(scorer.sizes) == most
    assert plane.running is None
    assert "bad among them" in capsys.readouterr().err


def test_who_was_under_way_at_a_death_is_scored_alone_and_after_two_not_at_all(tmp_path):
    settings = config.Config(max_waiting=10, managed=True, begun_folder=str(tmp_path))
    for _ in range(2):
        died = dataplane.DataPlane(Scorer(1), settings)
        died._begun.note([Asked(3)])
    scorer = Scorer(64)
    plane = dataplane.DataPlane(scorer, settings)
    _, again, suspect, deadly = asked = [Asked(number) for number in range(4)]
    again.headers = deadly.headers = {"x-envoy-attempt-count": "2"}
    assert all(plane.submit(one) for one in asked)
    plane.all_arrived()
    suspect.alone = True
    plane.stop()
    plane.serve()
    assert [one.given[0].status for one in asked] == [200, 200, 200, 424]
    assert b"2 processes ended" in deadly.given[0].body
    assert scorer.sizes == [1, 1, 1]


def test_who_waited_longer_than_the_time_limit_is_not_scored():
    scorer = Scorer(64)
    plane = dataplane.DataPlane(scorer, config.Config(max_waiting=10, request_timeout_ms=1000))
    asked = [Asked(number) for number in range(3)]
    for one in asked:
        plane.submit(one)
    plane.all_arrived()
    asked[0].arrived -= 2
    asked[1].arrived -= 2
    plane.stop()
    plane.serve()
    assert [one.given[0].status for one in asked] == [500, 500, 200]
    assert b"Scoring timeout after 1000 ms" in asked[0].given[0].body
    assert scorer.sizes == [1]


def test_the_queue_has_an_end():
    plane = dataplane.DataPlane(Scorer(1), config.Config(max_waiting=2, request_timeout_ms=60_000))
    assert [plane.submit(Asked(1)) for _ in range(3)] == [True, True, False]


def test_a_request_during_serve_is_scored_on_the_serving_thread():
    seen = []

    class Noting(Scorer):
        def score(self, exchanges):
            seen.append(threading.current_thread())
            return super().score(exchanges)

    plane = dataplane.DataPlane(Noting(1), config.Config(max_waiting=10, request_timeout_ms=60_000))
    serving = threading.Thread(target=plane.serve)
    serving.start()
    one = Asked(1)
    plane.submit(one)
    plane.all_arrived()
    plane.stop()
    serving.join(120)
    assert seen == [serving]
    assert len(one.given) == 1
