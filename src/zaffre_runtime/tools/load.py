"""Sends the bodies of a profile to a replica's socket: one after the other, or open-loop. One job, standard library only.

Open-loop: requests leave at moments drawn beforehand, whatever the answers do, and a latency counts from the moment at which
the request should have left; a server that stalls cannot hide its queue. Asked: `{socket, bodies, mode, rate, requests,
timeout_s}`; answered: `{latencies_ms (of 200 answers), statuses, seconds, sent}`. It never loads a model.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from zaffre_runtime.tools import task

MOST_CONNECTIONS = 256
SEED = 20
Connection = Tuple[asyncio.StreamReader, asyncio.StreamWriter]


def arrivals(rate: float, count: int) -> List[float]:
    """Seconds from the start at which requests leave: a Poisson stream, the same for every size that is compared."""
    drawn = random.Random(SEED)  # noqa: S311 - a load, not a secret
    moments, now = [], 0.0
    for _ in range(count):
        now += drawn.expovariate(rate)
        moments.append(now)
    return moments


class Load:
    def __init__(self, asked: Dict[str, Any]) -> None:
        self._socket = str(asked["socket"])
        bodies = json.loads(Path(asked["bodies"]).read_text(encoding="utf-8"))
        self._requests = [_request(body.encode()) for body in bodies]
        self._timeout_s = float(asked["timeout_s"])
        self._idle: List[Connection] = []
        self._places = asyncio.Semaphore(MOST_CONNECTIONS)
        self.latencies_ms: List[float] = []
        self.statuses: Dict[str, int] = {}

    async def one_by_one(self, count: int, limit_s: float) -> None:
        """Each request when the one before it was answered, for a limited time."""
        end = time.monotonic() + limit_s
        for number in range(count):
            await self._one(number, time.monotonic())
            if time.monotonic() > end:
                return

    async def open_loop(self, rate: float, count: int) -> None:
        """Every request at its moment."""
        begin = time.monotonic() + 0.05
        tasks = []
        for number, moment in enumerate(arrivals(rate, count)):
            await asyncio.sleep(max(begin + moment - time.monotonic(), 0))
            tasks.append(asyncio.ensure_future(self._one(number, begin + moment)))
        await asyncio.gather(*tasks)

    async def _one(self, number: int, due: float) -> None:
        left = self._timeout_s - (time.monotonic() - due)
        try:
            status = await asyncio.wait_for(
                self._asked(self._requests[number % len(self._requests)]), max(left, 0.001)
            )
        except TimeoutError:
            status = "timeout"
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            status = type(error).__name__
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status == "200":
            self.latencies_ms.append((time.monotonic() - due) * 1000)

    async def _asked(self, request: bytes) -> str:
        async with self._places:
            connection = self._idle.pop() if self._idle else await asyncio.open_unix_connection(self._socket)
            done = False
            try:
                connection[1].write(request)
                status, keep = await _answer(connection[0])
                done = keep
            finally:
                if done:
                    self._idle.append(connection)
                else:
                    connection[1].close()
            return status

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()


def _request(body: bytes) -> bytes:
    head = f"POST /score HTTP/1.1\r\nhost: profile\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def _answer(reader: asyncio.StreamReader) -> Tuple[str, bool]:
    """Status of the answer, whose body is read to its end, and whether the connection may be used again."""
    first = await reader.readline()
    parts = first.split()
    if len(parts) < 2 or not parts[1].isdigit():
        raise ConnectionResetError("no answer")
    length, chunked, keep = 0, False, True
    while True:
        line = (await reader.readline()).strip().lower()
        if not line:
            break
        name, _, value = line.partition(b":")
        if name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            chunked = b"chunked" in value
        elif name == b"connection":
            keep = b"close" not in value
    while chunked:
        size = int((await reader.readline()).split(b";")[0], 16)
        await reader.readexactly(size + 2)
        chunked = size > 0
    await reader.readexactly(length)
    return parts[1].decode(), keep


async def _run(asked: Dict[str, Any]) -> Dict[str, Any]:
    load = Load(asked)
    began = time.monotonic()
    if asked["mode"] == "open":
        await load.open_loop(float(asked["rate"]), int(asked["requests"]))
    else:
        await load.one_by_one(int(asked["requests"]), float(asked["limit_s"]))
    seconds = time.monotonic() - began
    load.close()
    return {
        "latencies_ms": [round(value, 4) for value in load.latencies_ms],
        "statuses": load.statuses,
        "seconds": seconds,
        "sent": sum(load.statuses.values()),
    }


def work(asked: Dict[str, Any]) -> Dict[str, Any]:
    problem: Optional[str] = None if Path(asked["socket"]).exists() else "the replica's socket is not there"
    if problem:
        raise task.CannotError("unavailable", problem)
    return asyncio.run(_run(asked))


if __name__ == "__main__":
    sys.exit(task.run(work))
