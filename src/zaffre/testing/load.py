"""A steady load on an HTTP address that remembers every answer, for tests that demand that nothing fails.

with load.Load(url, headers={...}, body=b"{}") as steady:
    ...change things...
    steady.await_answers(500)
assert steady.failures == []
"""

import asyncio
import collections
import dataclasses
import ssl
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from urllib.parse import urlsplit


@dataclasses.dataclass(frozen=True)
class Answer:
    """One answer: when its request was sent (seconds of the monotonic clock), its status, header fields and body."""

    sent: float
    status: int
    headers: Mapping[str, str]
    body: bytes


class Load:
    """`connections` clients, each sending its next request when the last one was answered. Context manager."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes = b"{}",
        connections: int = 4,
        verify: ssl.SSLContext | None = None,
        once: bool = False,
    ) -> None:
        """`verify` speaks TLS; `once` opens a new connection for each request."""
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        lines = [f"POST {parts.path} HTTP/1.1", f"host: {parts.netloc}", f"content-length: {len(body)}"]
        lines += ["content-type: application/json", *(f"{name}: {value}" for name, value in headers.items())]
        self._request = "\r\n".join([*lines, "", ""]).encode() + body
        self._connections = connections
        self._verify = verify
        self._once = once
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.answers: list[Answer] = []
        self.broken: list[str] = []

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join(timeout=60)

    @property
    def failures(self) -> list[str]:
        """Whatever was not a 200: other answers and broken connections."""
        wrong = [f"{answer.status} {answer.body[:300]!r}" for answer in self.answers if answer.status != 200]
        return wrong + self.broken

    def by_header(self, name: str, *, since: float = 0.0) -> collections.Counter[str]:
        """How many answers carried each value of a header field, of those to requests that were sent after `since`."""
        return collections.Counter(
            answer.headers.get(name, "") for answer in self.answers if answer.sent >= since
        )

    def await_answers(self, count: int, *, timeout_s: float = 120.0) -> float:
        """Wait for the answers to `count` requests that are sent from now on; returns the moment of the call."""
        started, seen, found = time.monotonic(), len(self.answers), 0
        while found < count:
            if time.monotonic() > started + timeout_s:
                raise TimeoutError(f"{found} of {count} answers; broken: {self.broken[-3:]}")
            time.sleep(0.01)
            news = self.answers[seen:]
            seen, found = seen + len(news), found + sum(answer.sent >= started for answer in news)
        return started

    async def _run(self) -> None:
        await asyncio.gather(*(self._client() for _ in range(self._connections)))

    async def _client(self) -> None:
        while not self._stopping.is_set():
            try:
                await self._connection()
            except (OSError, asyncio.IncompleteReadError) as error:
                self.broken.append(f"{type(error).__name__}: {error}")
                await asyncio.sleep(0.01)

    async def _connection(self) -> None:
        reader, writer = await asyncio.open_connection(*self._address, ssl=self._verify)
        try:
            while not self._stopping.is_set():
                sent = time.monotonic()
                writer.write(self._request)
                answer = await _read_answer(reader, sent)
                self.answers.append(answer)
                if self._once or answer.headers.get("connection") == "close":
                    return
        finally:
            writer.close()


async def _read_answer(reader: asyncio.StreamReader, sent: float) -> Answer:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {}
    for line in head[1:]:
        name, _, value = line.partition(":")
        fields[name.lower()] = value.strip()
    body = await reader.readexactly(int(fields.get("content-length", "0")))
    return Answer(sent, int(head[0].split(" ", 2)[1]), fields, body)
