"""An open-loop load: requests leave at a steady rate, whatever the answers do, and every answer is checked.

with OpenLoop(url, headers=..., rate=100, check=lambda number, answer: "what is wrong, or nothing") as load:
    ...break things...
assert load.failures == []

Used by the tests of faults and by `benchmarks/bench_faults.py`. `load` beside it sends as fast as answers come.
"""

import asyncio
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType

import httpx

Check = Callable[[int, httpx.Response], str]
"""Given the number that a request carried and its answer: what is wrong with it, or nothing."""


class OpenLoop:
    """Sends `{"number": n}` to a scoring address, `rate` times a second. Context manager."""

    def __init__(
        self,
        url: str,
        *,
        headers: Mapping[str, str],
        rate: float,
        check: Check,
        verify: ssl.SSLContext | None = None,
    ) -> None:
        self._url = url
        self._headers = dict(headers)
        self._pause_s = 1 / rate
        self._check = check
        self._verify = verify or True
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.sent = 0
        self.answered = 0
        self.failures: list[str] = []
        self.excused: list[str] = []
        self._excused_until = 0.0

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

    def excuse_requests_in_flight(self, within_s: float = 0.0) -> None:
        """What was sent before this moment (and `within_s` after it) may fail: the router itself was killed."""
        self._excused_until = time.monotonic() + within_s

    def await_answers(self, count: int, *, timeout_s: float = 60.0) -> None:
        """Wait until `count` more requests were answered rightly."""
        end, target = time.monotonic() + timeout_s, self.answered + count
        while self.answered < target:
            if time.monotonic() > end:
                raise TimeoutError(f"{self.answered} of {target} answers; failures: {self.failures[-3:]}")
            time.sleep(0.01)

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=50)
        async with httpx.AsyncClient(
            headers=self._headers, limits=limits, timeout=60, verify=self._verify
        ) as client:
            tasks: set[asyncio.Task[None]] = set()
            begin = time.monotonic()
            while not self._stopping.is_set():
                task = asyncio.create_task(self._one(client, self.sent))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                self.sent += 1
                await asyncio.sleep(max(begin + self.sent * self._pause_s - time.monotonic(), 0))
            await asyncio.gather(*tasks)

    async def _one(self, client: httpx.AsyncClient, number: int) -> None:
        sent_at = time.monotonic()
        try:
            answer = await client.post(self._url, content=json.dumps({"number": number}))
            wrong = self._check(number, answer)
        except httpx.HTTPError as error:
            wrong = f"{type(error).__name__}: {error}"
        if not wrong:
            self.answered += 1
            return
        line = f"request {number} at {sent_at:.3f} after {time.monotonic() - sent_at:.3f} s: {wrong}"
        (self.excused if sent_at <= self._excused_until else self.failures).append(line)
