"""The load of a profile: open-loop, against a tiny server on a Unix socket."""

import asyncio
import json
import statistics

import pytest

from zaffre_runtime.tools import load


def serve_and_load(folder, answer, **asked):
    """Runs the load against a server whose `answer(number)` gives seconds to wait and the bytes to send."""
    (folder / "bodies.json").write_text(json.dumps(['{"a": 1}', '{"b": 2}']))
    seen = []

    async def handle(reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                seen.append(await reader.readexactly(length))
                wait_s, content = answer(len(seen))
                await asyncio.sleep(wait_s)
                writer.write(content)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run():
        server = await asyncio.start_unix_server(handle, folder / "s.sock")
        told = {
            "socket": str(folder / "s.sock"),
            "bodies": str(folder / "bodies.json"),
            "timeout_s": 5,
            **asked,
        }
        try:
            return await load._run(told)
        finally:
            server.close()

    return asyncio.run(run()), seen


def ok(text=b"[1]"):
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(text), text)


def test_moments_are_the_same_for_every_size_and_of_the_wanted_rate():
    moments = load.arrivals(100, 5000)
    assert moments == load.arrivals(100, 5000)
    assert moments == sorted(moments)
    assert moments[-1] == pytest.approx(50, rel=0.1)


def test_every_body_is_sent_and_counted(tmp_path):
    found, seen = serve_and_load(tmp_path, lambda number: (0, ok()), mode="open", rate=500, requests=100)
    assert (found["sent"], found["statuses"], len(found["latencies_ms"])) == (100, {"200": 100}, 100)
    assert set(seen) == {b'{"a": 1}', b'{"b": 2}'}


def test_a_server_that_stalls_cannot_hide_its_queue(tmp_path):
    """The first request is slow, and the only one that is: whoever came meanwhile waited for nothing on this server, but the
    slow one's own time is counted from when it was due."""
    found, _ = serve_and_load(
        tmp_path, lambda number: (0.2 if number == 1 else 0, ok()), mode="open", rate=200, requests=50
    )
    assert max(found["latencies_ms"]) >= 200
    assert found["sent"] == 50


def test_latency_counts_from_the_moment_that_was_due(tmp_path, monkeypatch):
    monkeypatch.setattr(load, "MOST_CONNECTIONS", 1)
    found, _ = serve_and_load(tmp_path, lambda number: (0.02, ok()), mode="open", rate=200, requests=40)
    assert statistics.median(found["latencies_ms"]) > 100  # 20 ms each, one at a time, asked for every 5 ms


def test_other_answers_are_counted_by_what_they_are(tmp_path):
    answers = [
        b"HTTP/1.1 500 Oops\r\ncontent-length: 2\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\n",
        b"HTTP/1.1 429 Busy\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
        ok(),
    ]
    found, _ = serve_and_load(
        tmp_path, lambda number: (0, answers[(number - 1) % 4]), mode="closed", requests=8, limit_s=5
    )
    assert found["statuses"] == {"500": 2, "200": 4, "429": 2}


def test_what_never_answers_is_a_timeout(tmp_path):
    found, _ = serve_and_load(
        tmp_path, lambda number: (60, b""), mode="open", rate=100, requests=3, timeout_s=0.2
    )
    assert found["statuses"] == {"timeout": 3}
    assert found["latencies_ms"] == []
