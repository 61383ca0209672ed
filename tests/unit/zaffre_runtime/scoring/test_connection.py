"""Bytes in, requests out, answers back: whatever the pieces in which the bytes come."""

import itertools
import json
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zaffre_runtime.scoring import connection


class Owner:
    """Stands for the listener: gives each request to `self.requests`."""

    most_body_bytes = 1000

    def __init__(self):
        self.stopping = False
        self.requests = []
        self.noted = 0

    def arrived(self, request):
        self.requests.append(request)

    def look_at(self, one):
        self.noted += 1


@pytest.fixture
def pair():
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(120)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def owner():
    return Owner()


@pytest.fixture
def one(owner, pair):
    return connection.Connection(owner, pair[0], "")


def post(body, *more, path="/score", version="1.1"):
    lines = [f"POST {path} HTTP/{version}", "host: x", f"content-length: {len(body)}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answer_next(owner, one, status=200, headers=(), body=b"{}"):
    """The oldest request that was given out is answered, and the listener looks at its connection as it would."""
    request = owner.requests.pop(0)
    request.respond(status, headers, body)
    one.give_next()
    return request


def received(pair):
    return pair[1].recv(1 << 20)


@settings(deadline=None, max_examples=60)
@given(
    bodies=st.lists(st.binary(max_size=60), min_size=1, max_size=5),
    cuts=st.lists(st.integers(0, 900), max_size=12),
    chunked=st.booleans(),
)
def test_any_cutting_gives_the_same_requests_one_after_the_other(bodies, cuts, chunked):
    def written(number, body):
        if not chunked:
            return post(body, f"X-Number: {number}", path=f"/score?number={number}")
        parts = [body[:7], body[7:]]
        text = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"
        head = f"POST /score?number={number} HTTP/1.1\r\nX-Number: {number}\r\ntransfer-encoding: chunked\r\n\r\n"
        return head.encode() + text

    owner = Owner()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        one = connection.Connection(owner, ours, "")
        data = b"".join(written(number, body) for number, body in enumerate(bodies))
        edges = sorted({0, len(data), *(min(cut, len(data)) for cut in cuts)})
        for start, end in itertools.pairwise(edges):
            one.feed(memoryview(data)[start:end])
        found = []
        while owner.requests:
            assert len(owner.requests) == 1  # the next only when this one is answered
            request = answer_next(owner, one)
            found.append(
                (
                    request.method,
                    request.path,
                    request.query_string,
                    request.headers["x-number"],
                    request.body,
                )
            )
    assert found == [
        ("POST", "/score", f"number={number}", str(number), body) for number, body in enumerate(bodies)
    ]


def test_an_answer_as_it_is_sent(one, owner, pair):
    one.feed(post(b"1"))
    answer_next(owner, one, 200, [("content-type", "application/json"), ("x-mine", "é")], b'{"a": 1}')
    assert received(pair) == (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-mine: \xe9\r\ncontent-length: 8\r\n\r\n"
        b'{"a": 1}'
    )
    assert not one.is_done
    assert one.wants_to_read


@pytest.mark.parametrize("header", [("a", "b\r\nc: d"), ("a", "b\nc: d"), ("a\r", "b"), ("a", "b\0")])
def test_a_header_that_would_be_two_is_not_sent(one, owner, pair, header):
    one.feed(post(b"1"))
    with pytest.raises(ValueError, match="line break"):
        owner.requests[0].respond(200, [header], b"")
    owner.requests[0].respond(500, [], b"no")
    assert received(pair).startswith(b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 2\r\n\r\nno")


def test_what_has_no_body_gets_none(one, owner, pair):
    one.feed(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")
    answer_next(owner, one, body=b"Healthy")
    assert received(pair) == b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n"
    one.feed(post(b"1"))
    answer_next(owner, one, 204, body=b"ignored")
    assert received(pair) == b"HTTP/1.1 204 No Content\r\n\r\n"
    one.feed(post(b"1"))
    answer_next(owner, one, 299, body=b"x")
    assert received(pair) == b"HTTP/1.1 299 \r\ncontent-length: 1\r\n\r\nx"


@pytest.mark.parametrize(
    ("text", "keeps"),
    [(post(b"1"), True), (post(b"1", "Connection: close"), False), (post(b"1", version="1.0"), False)],
)
def test_who_asks_for_it_is_let_go_after_the_answer(one, owner, pair, text, keeps):
    one.feed(text)
    answer_next(owner, one)
    assert (b"connection: close" in received(pair), one.is_done) == (not keeps, not keeps)
    assert owner.noted == (not keeps)


def test_a_listener_that_stops_lets_everybody_go(one, owner, pair):
    one.feed(post(b"1"))
    owner.stopping = True
    assert not one.is_idle
    answer_next(owner, one)
    assert b"connection: close" in received(pair)
    assert one.is_done


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        (post(b"x" * 1001, "Expect: 100-continue").partition(b"x" * 1001)[0], connection.TOO_LARGE),
        (b"\x16\x03\x01 hello\r\n\r\n", connection.NO_HTTP),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", connection.NO_HTTP),
        (b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n12", connection.NO_HTTP),
        (
            b"POST / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            connection.NO_HTTP,
        ),
        (b"GET / HTTP/1.1\r\nx: " + b"y" * (connection.MOST_HEADER_BYTES + 1), connection.LONG_HEADERS),
    ],
)
def test_what_is_no_request_is_told_once_and_what_follows_is_not_read(one, owner, pair, text, trouble):
    one.feed(text)
    one.feed(post(b"1"))
    one.feed(post(b"1"))
    assert [request.trouble for request in owner.requests] == [trouble]
    answer_next(owner, one, 400)
    assert b"connection: close" in received(pair)
    assert received(pair) == b""  # the end of the answer is seen
    assert not one.is_done  # and the caller may still be sending
    one.feed(b"")
    assert one.is_done


@pytest.mark.parametrize(
    "text",
    [
        post(b"x" * 1001),
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n"
        + b"x" * 1001
        + b"\r\n0\r\n\r\n",
    ],
)
def test_a_body_that_is_too_large_is_heard_out_and_refused(one, owner, pair, text):
    for number in range(len(text)):
        assert owner.requests == []
        one.feed(text[number : number + 1])
    assert [(request.trouble, request.body) for request in owner.requests] == [(connection.TOO_LARGE, b"")]
    answer_next(owner, one, 413)
    assert b"connection: close" not in received(pair)
    one.feed(post(b"1"))
    assert [request.body for request in owner.requests] == [b"1"]


def test_a_body_without_end_is_refused_in_time(one, owner, pair, monkeypatch):
    monkeypatch.setattr(connection, "MOST_OVERHEARD_BYTES", 500)
    one.feed(b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nfffff\r\n" + b"x" * 1501)
    assert [request.trouble for request in owner.requests] == [connection.TOO_LARGE]
    answer_next(owner, one, 413)
    assert b"connection: close" in received(pair)
    one.feed(b"x" * 501)
    assert one.is_done


def test_a_caller_who_stops_in_the_middle_is_told(one, owner, pair):
    one.feed(post(b"123")[:-1])
    assert one.wants_to_read
    one.feed(b"")
    assert [request.trouble for request in owner.requests] == [connection.CUT_SHORT]
    assert not one.is_done  # not before it was answered
    answer_next(owner, one, 400)
    assert one.is_done


def test_a_caller_who_stops_sending_after_its_request_gets_its_answer(one, owner, pair):
    one.feed(post(b"1"))
    pair[1].shutdown(socket.SHUT_WR)
    one.feed(b"")
    assert not one.wants_to_read
    answer_next(owner, one)
    assert received(pair).startswith(b"HTTP/1.1 200")
    assert one.is_done


def test_a_caller_who_has_left_is_no_error(one, owner, pair):
    one.feed(post(b"1"))
    pair[1].close()
    answer_next(owner, one)
    assert one.is_done


def test_a_large_answer_is_sent_on_as_the_caller_reads_it(one, owner, pair):
    one.feed(post(b"1") + post(b"2"))
    body = json.dumps(list(range(300_000))).encode()
    answer_next(owner, one, body=body)
    assert one.wants_to_send
    assert owner.requests == []  # the second waits until the first has its whole answer
    found = b""
    while one.wants_to_send:
        found += received(pair)
        one.send_on()
    pair[0].shutdown(socket.SHUT_WR)
    while part := received(pair):
        found += part
    assert found.partition(b"\r\n\r\n")[2] == body
    one.give_next()
    assert [request.body for request in owner.requests] == [b"2"]


def test_who_waits_to_be_asked_for_the_body_is_asked(one, owner, pair):
    head, body = post(b"1", "Expect: 100-continue").split(b"\r\n\r\n")
    one.feed(head + b"\r\n\r\n")
    assert received(pair) == b"HTTP/1.1 100 Continue\r\n\r\n"
    one.feed(body)
    assert [request.body for request in owner.requests] == [b"1"]


def test_another_protocol_is_not_spoken(one, owner, pair):
    one.feed(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nwhatever")
    answer_next(owner, one)
    assert b"connection: close" in received(pair)


def test_who_never_waits_for_answers_is_heard_no_more(one, owner):
    one.feed(post(b"1") * (connection.MOST_AT_ONCE + 1))
    assert not one.wants_to_read
    while owner.requests:
        answer_next(owner, one)
    assert one.is_done


def test_headers_in_any_case_more_than_once_and_behind_the_body(one, owner):
    one.feed(
        b"POST http://host:1/score?a=b HTTP/1.1\r\nX-Two: a\r\nx-two: b\r\ntransfer-encoding: chunked\r\n\r\n"
        b"1\r\n7\r\n0\r\nx-request-id: smuggled\r\n\r\n"
    )
    (request,) = owner.requests
    assert (request.path, request.query_string, request.body) == ("/score", "a=b", b"7")
    assert request.headers == {"x-two": "a,b", "transfer-encoding": "chunked"}
