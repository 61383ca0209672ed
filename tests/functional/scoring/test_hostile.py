"""What no honest client sends: nothing of it may stop the replica or reach another caller."""

import random

import pytest

SCRIPT = "def init(): pass\ndef run(raw_data): return len(raw_data)\n"


@pytest.fixture(scope="module")
def replica(start_shared):
    return start_shared(SCRIPT)


def alive(replica):
    return replica.process.poll() is None and replica.ask(body="abc").json() == 3


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /score HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /score HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /score HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST /score HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n",
        b"POST /score HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /score HTTP/1.1\r\nHost: a\r\nX-Request-Id: \xff\xfe\r\nContent-Length: 0\r\n\r\n",
        b"POST /score?\xff=%zz&a=%ff HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
        b"GET /score?a=%ff%00&b=" + b"[" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /..%2f..%2fetc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /" + b"a" * 500_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(2000)) + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        bytes(range(256)),
    ],
)
def test_malformed_http(replica, data):
    answer = replica.raw(data)
    assert b"root:" not in answer
    assert alive(replica)


def test_a_caller_that_leaves_in_the_middle_of_its_body(replica):
    for head in (b"Content-Length: 100", b"Transfer-Encoding: chunked"):
        connection = replica.connection()
        connection.connect()
        connection.sock.sendall(b"POST /score HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n5\r\nabcde")
        connection.sock.close()
    assert alive(replica)


def test_random_bytes_after_a_good_head(replica):
    source = random.Random(20261120)
    for _ in range(40):
        body = source.randbytes(source.randrange(200))
        assert replica.ask(body=body).status in (200, 400)
    assert alive(replica)


def test_pipelined_requests_are_answered_in_order(replica):
    one = b"POST /score HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"
    connection = replica.connection()
    connection.connect()
    connection.sock.sendall(b"".join(one % (size, b"x" * size) for size in (1, 2, 3)))
    answer = b""
    while answer.count(b"\r\n\r\n") < 3 or answer.endswith(b"\r\n\r\n"):
        answer += connection.sock.recv(65536)
    connection.close()
    assert [part[-1:] for part in answer.split(b"HTTP/1.1 200 OK")[1:]] == [b"1", b"2", b"3"]
