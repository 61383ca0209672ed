import pytest

from zaffre_runtime.scoring import answers, exchange


class Protocol:
    def __init__(self):
        self.sent = []

    def response_bytes(self, status, headers, body):
        self.sent.append((status, headers, body))


class Scope:
    headers: dict = {}


class Watcher:
    def __init__(self):
        self.proto, self.scope, self.finished = Protocol(), Scope(), 0

    def done(self):
        self.finished += 1


def test_an_exchange_is_answered_once():
    watcher = Watcher()
    asked = exchange.Exchange(watcher, [("x-common", "c")], set())
    asked.identity = [("x-request-id", "r")]
    assert asked.answer(answers.timeout(5, managed=False)) is True
    assert asked.answer(answers.Answer(200, b"late")) is False
    asked.drop()
    assert [sent[0] for sent in watcher.proto.sent] == [500]
    assert ("x-common", "c") in watcher.proto.sent[0][1]
    assert watcher.finished == 1


def test_a_dropped_exchange_is_never_answered():
    watcher = Watcher()
    asked = exchange.Exchange(watcher, [], set())
    asked.drop()
    assert asked.answer(answers.Answer(200, b"")) is False
    assert (watcher.proto.sent, watcher.finished) == ([], 1)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"x-request-id": "r"}, {"x-request-id": "r", "x-ms-request-id": "r"}),
        (
            {"x-request-id": "r", "x-ms-client-request-id": "c"},
            {"x-request-id": "r", "x-ms-request-id": "c", "x-ms-client-request-id": "c"},
        ),
        (
            {"x-request-id": "r", "x-ms-request-id": "m", "x-ms-client-request-id": "c"},
            {"x-request-id": "r", "x-ms-request-id": "m", "x-ms-client-request-id": "c"},
        ),
        ({"x-request-id": "r", "traceid": ""}, {"x-request-id": "r", "x-ms-request-id": "r", "TraceId": ""}),
    ],
)
def test_identity(given, wanted):
    assert dict(exchange.identity(given)) == wanted


def test_made_ids_look_like_uuids_and_never_repeat():
    made = [exchange.new_request_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert [len(part) for part in made[0].split("-")] == [8, 4, 4, 4, 12]
