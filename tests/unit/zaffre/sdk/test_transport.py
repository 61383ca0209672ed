"""One HTTP session: headers, errors, and what may be repeated."""

import pytest

from zaffre.core import errors
from zaffre.sdk import connection, transport


@pytest.fixture
def no_pause(monkeypatch):
    monkeypatch.setattr(transport.time, "sleep", lambda _: None)


def test_headers_name_the_caller_the_request_and_the_reason(served, wire):
    wire.reason = "größer, 50 %"
    wire.send("POST", "/x", body={"ä": 1})
    _, path, headers, body = served.requests[0]
    assert path == "/x"
    assert headers["authorization"] == "Bearer zf_token"
    assert headers["user-agent"].startswith("zaffre/1 ")
    assert len(headers["x-request-id"]) == 32
    assert headers["x-zaffre-reason"] == "gr%C3%B6%C3%9Fer, 50 %25"
    assert body.decode() == '{"ä":1}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_no_json_can_hold_is_the_callers_mistake(served, wire, value):
    with pytest.raises(errors.Invalid, match="cannot be sent as JSON"):
        wire.send("POST", "/x", body={"cpu": value})
    assert served.requests == []


def test_reading_carries_no_reason(served, wire):
    wire.reason = "because"
    wire.get("/x", a=None, b=True, c=["1", "2"])
    assert "x-zaffre-reason" not in served.requests[0][2]
    assert served.requests[0][1] == "/x?b=true&c=1&c=2"


@pytest.mark.parametrize(
    "kind", [errors.Invalid, errors.NotFound, errors.InUse, errors.TooMany, errors.Unsupported]
)
def test_problems_come_back_as_the_error_that_they_were(served, wire, kind):
    problem = errors.to_problem(kind("what", hint="next", deployments=["a"]), request_id="r1")
    served.answer = lambda *_: (kind.status, {"content-type": "application/problem+json"}, problem)
    with pytest.raises(kind) as caught:
        wire.send("POST", "/x")
    assert (caught.value.detail, caught.value.hint, caught.value.request_id) == ("what", "next", "r1")
    assert caught.value.fields == {"deployments": ["a"]}


@pytest.mark.parametrize(
    ("status", "kind"), [(401, errors.Unauthenticated), (413, errors.TooLarge), (418, errors.ZaffreError)]
)
def test_answers_of_strangers_become_errors_too(served, wire, status, kind):
    served.answer = lambda *_: (status, {}, b"<html>proxy\n says no</html>")
    with pytest.raises(kind, match="proxy says no"):
        wire.send("POST", "/x")


def test_a_lost_answer_is_asked_for_again_when_that_is_harmless(served, wire, no_pause):
    answers = iter([None, (503, {}, b"busy"), (200, {}, {"ok": 1})])
    served.answer = lambda *_: next(answers)
    assert wire.get("/x") == {"ok": 1}
    assert len(served.requests) == 3


def test_what_the_server_itself_says_is_final(served, wire):
    problem = errors.to_problem(errors.Unavailable("the disk is full"))
    served.answer = lambda *_: (503, {"content-type": "application/problem+json"}, problem)
    with pytest.raises(errors.Unavailable, match="disk"):
        wire.get("/x")
    assert len(served.requests) == 1


def test_a_change_whose_answer_was_lost_is_not_repeated(served, wire):
    served.answer = lambda *_: None
    with pytest.raises(errors.Unavailable, match="stopped answering"):
        wire.send("POST", "/x")
    assert len(served.requests) == 1


def test_a_change_that_never_arrived_is_sent_again(served, no_pause):
    """Nothing listens at first, as while a server restarts."""
    closed = connection.Connection("http://127.0.0.1:1", "t", "test")
    wire = transport.Transport(closed)
    build = wire._client.build_request
    tries = []

    def moved(method, path, **rest):
        tries.append(path)
        return build(method, served.url + path if len(tries) == 3 else path, **rest)

    wire._client.build_request = moved
    wire.send("POST", "/x")
    wire.close()
    assert len(tries) == 3
    assert len(served.requests) == 1


def test_nobody_there_gives_up_soon(monkeypatch):
    monkeypatch.setattr(transport, "_FIRST_PATIENCE_S", 0.0)
    wire = transport.Transport(connection.Connection("http://127.0.0.1:1", "t", "test"))
    with pytest.raises(errors.Unavailable, match="cannot be reached") as caught:
        wire.get("/x")
    wire.close()
    assert "server start" in caught.value.hint


def test_a_name_is_one_part_of_an_address(served, wire):
    wire.get(f"/m/{transport.segment('a/../b?c#d%2e')}")
    assert served.requests[0][1] == "/m/a%2F..%2Fb%3Fc%23d%252e"


@pytest.mark.parametrize("name", ["", ".", ".."])
def test_names_that_walk_are_refused(name):
    with pytest.raises(errors.Invalid):
        transport.segment(name)


def test_traces_show_no_token(served):
    lines = []
    wire = transport.Transport(connection.Connection(served.url, "zf_geheim", "t"), trace=lines.append)
    wire.get("/x")
    wire.close()
    assert lines == [f"GET {served.url}/x -> 200"]
