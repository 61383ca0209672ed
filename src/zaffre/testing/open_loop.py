"""An open-loop load: requests leave at a steady rate, whatever the answers do, and every answer is checked.

with OpenLoop(url, headers=..., rate=100, check=lambda number, answer: "what is wrong, or nothing") as load:
    ...break things...
assert load.failures == []

Used by the tests of faults and by `bench_rollout`, `bench_overload`, `bench_faults`. It costs about 0.2 ms of processor a
request. `load` beside it sends as fast as answers come.
"""

import asyncio
import dataclasses
import json
import math
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

_CONNECT_S = 60.0
_ANSWER_S = 60.0


@dataclasses.dataclass(frozen=True)
class Answer:
    """One answer; header names are lower case."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.content.decode(errors="replace")

    def json(self) -> Any:
        """The body's value. Raises ValueError."""
        return json.loads(self.content)


@dataclasses.dataclass(frozen=True)
class Sample:
    """When a request left, how long it took, and its status (0 when there was no answer)."""

    at: float
    took_s: float
    status: int


Check = Callable[[int, Answer], str]
"""Given the number that a request carried and its answer: what is wrong with it, or nothing."""


@dataclasses.dataclass(frozen=True)
class Connection:
    """An open connection, and when it was opened."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    opened: float


class OpenLoop:
    """Sends `{"number": n}` to a scoring address, `rate` times a second. Context manager.

    A connection that nobody accepts is tried again for some seconds, as clients do (nothing was sent yet), and counted in
    `refusals`, by the moment it was tried. `samples` are kept when asked for. `at_most` so many are under way at once: with an
    endless rate that is the closed loop of so many callers who each wait for their answer.
    """

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        rate: float,
        check: Check,
        verify: ssl.SSLContext | None = None,
        samples: bool = False,
        at_most: int | None = None,
    ) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._path = parts.path
        self._tls = verify if parts.scheme == "https" else None
        self.headers = dict(headers)
        self.rate = rate
        self._check = check
        self._at_most = at_most or math.inf
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._idle: list[Connection] = []
        self.sent = 0
        self.answered = 0
        self.refusals: list[float] = []
        self.failures: list[str] = []
        self.excused: list[str] = []
        self.samples: list[Sample] | None = [] if samples else None
        self.slowest_s = 0.0
        self._excused_from = self._excused_until = math.inf

    def __enter__(self) -> "OpenLoop":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join(timeout=120)

    def excuse_the_connections_of_now(self) -> None:
        """From now on whatever goes over a connection that is open may fail: the router itself is about to be killed."""
        self._excused_from, self._excused_until = time.monotonic(), math.inf

    def excuse_no_more(self) -> float:
        """Connections that are opened from now on may not fail, as the router is known to be gone; returns the moment."""
        self._excused_until = time.monotonic()
        return self._excused_until

    def await_answers(self, count: int, *, timeout_s: float = 60.0) -> None:
        """Wait until `count` more requests were answered rightly."""
        end, target = time.monotonic() + timeout_s, self.answered + count
        while self.answered < target:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.answered} of {target} answers; failures: {self.failures[-3:]}")
            time.sleep(0.01)

    async def _run(self) -> None:
        tasks: set[asyncio.Task[None]] = set()
        due = time.monotonic()
        while not self._stopping.is_set():
            task = asyncio.create_task(self._one(self.sent))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            self.sent += 1
            due += 1 / self.rate
            await asyncio.sleep(max(due - time.monotonic(), 0))
            while len(tasks) >= self._at_most:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*tasks)
        for connection in self._idle:
            connection.writer.close()

    async def _one(self, number: int) -> None:
        wrong, status, sent_at = "", 0, time.monotonic()
        connection = None
        try:
            connection = self._reused() or await self._connected()
            sent_at = time.monotonic()
            answer = await asyncio.wait_for(self._exchange(connection, number), _ANSWER_S)
            status, wrong = answer.status_code, self._check(number, answer)
        except (OSError, asyncio.IncompleteReadError, ValueError, TimeoutError) as error:
            wrong = f"{type(error).__name__}: {error}"
            if connection is not None:
                connection.writer.transport.abort()
        took_s = time.monotonic() - sent_at
        self.slowest_s = max(self.slowest_s, took_s)
        if self.samples is not None:
            self.samples.append(Sample(sent_at, took_s, status))
        if not wrong:
            self.answered += 1
            return
        line = f"request {number} at {sent_at:.3f} after {took_s:.3f} s: {wrong}"
        (self.excused if connection and self._is_excused(connection) else self.failures).append(line)

    def _is_excused(self, connection: Connection) -> bool:
        return time.monotonic() >= self._excused_from and connection.opened <= self._excused_until

    def _reused(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.reader.at_eof() and not connection.writer.is_closing():
                return connection
            connection.writer.close()
        return None

    async def _connected(self) -> Connection:
        end = time.monotonic() + _CONNECT_S
        while True:
            tried_at = time.monotonic()
            try:
                reader, writer = await asyncio.open_connection(*self._address, ssl=self._tls)
                return Connection(reader, writer, tried_at)
            except ConnectionError:
                self.refusals.append(tried_at)
                if time.monotonic() > end:
                    raise
                await asyncio.sleep(0.02)

    async def _exchange(self, connection: Connection, number: int) -> Answer:
        reader, writer = connection.reader, connection.writer
        body = b'{"number": %d}' % number
        fields = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        head = (
            f"POST {self._path} HTTP/1.1\r\nhost: {self._address[0]}\r\ncontent-type: application/json\r\n{fields}"
            f"content-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await read_answer(reader)
        if answer.headers.get("connection", "").lower() == "close":
            writer.close()
        else:
            self._idle.append(connection)
        return answer


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """The next answer on a connection. Raises IncompleteReadError when it ends before."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    if fields.get("transfer-encoding", "").lower() == "chunked":
        content = b""
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            content += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    else:
        content = await reader.readexactly(int(fields.get("content-length", "0")))
    return Answer(int(head[0].split(" ")[1]), fields, content)
