import pytest

from zaffre_runtime.scoring import answers, exchange


class Request:
    """What the listener hands over, with a note of what is sent back."""

    headers: dict = {}
    body = b""

    def __init__(self):
        self.sent = []

    def respond(self, status, headers, body):
        if any("\n" in value for _, value in headers):
            raise ValueError("a line break")
        self.sent.append((status, headers, body))


def test_an_exchange_is_answered_once():
    request, under_way = Request(), set()
    asked = exchange.Exchange(request, [("x-common", "c")], under_way)
    asked.identity = [("x-request-id", "r")]
    assert under_way == {asked}
    assert asked.answer(answers.timeout(5, managed=False)) is True
    assert asked.answer(answers.Answer(200, b"late")) is False
    assert [sent[0] for sent in request.sent] == [500]
    assert ("x-common", "c") in request.sent[0][1]
    assert not under_way


def test_an_answer_that_cannot_be_sent_becomes_a_500(capsys):
    request = Request()
    asked = exchange.Exchange(request, [], set())
    assert asked.answer(answers.Answer(200, b"1", headers=[("x-mine", "a\nset-cookie: b")])) is True
    assert [(status, body) for status, _, body in request.sent] == [(500, answers.NOT_SENT)]
    assert "a line break" in capsys.readouterr().err


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
