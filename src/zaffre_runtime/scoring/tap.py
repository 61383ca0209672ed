"""Where requests and answers can be handed to a collector, behind the data plane's back. dataplane.py offers, a thread gives on.

Off (no tap) it costs one comparison a call. On, it never waits: what does not fit into the queue is dropped and counted,
and a sink that fails loses what it was given, which is counted too. It decides nothing about rows; the sink does.
"""

from __future__ import annotations

import queue
import threading
from typing import Callable, List, NamedTuple, Optional

from zaffre_runtime.scoring import answers, exchange, logs

MOST = 1024
MOST_BYTES = 64 << 20
TOGETHER = 64


class Row(NamedTuple):
    """One request as it was answered."""

    request_id: str
    body: bytes
    status: int
    answer: bytes


Sink = Callable[[List[Row]], None]


class Tap:
    """`dropped` and `lost` only grow. What waits is bounded in rows and in bytes."""

    def __init__(self, sink: Sink, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self.dropped = 0
        self.lost = 0
        self._most_bytes = most_bytes
        # Each is written by one thread alone: their difference is what is held.
        self._bytes_taken = self._bytes_given = 0
        self._sink = sink
        self._queue: queue.Queue[Optional[Row]] = queue.Queue(most)
        self._thread = threading.Thread(target=self._give_on, name="zaffre-tap", daemon=True)
        self._thread.start()

    def offer(self, asked: exchange.Exchange, answer: answers.Answer) -> None:
        """On the thread that scores, after the caller has the answer."""
        size = len(asked.body) + len(answer.body)
        if self._bytes_taken - self._bytes_given + size > self._most_bytes:
            self.dropped += 1
            return
        try:
            self._queue.put_nowait(Row(asked.request_id, asked.body, answer.status, answer.body))
        except queue.Full:
            self.dropped += 1
        else:
            self._bytes_taken += size

    def close(self) -> None:
        """What was taken is given on first."""
        self._queue.put(None)
        self._thread.join()

    def _give_on(self) -> None:
        rows: List[Row] = []
        while True:
            row = self._queue.get()
            if row is not None:
                rows.append(row)
            if rows and (row is None or self._queue.empty() or len(rows) >= TOGETHER):
                self._give(rows)
                rows = []
            if row is None:
                return

    def _give(self, rows: List[Row]) -> None:
        try:
            self._sink(rows)
        except Exception as error:  # noqa: BLE001 - the thread's outermost loop: no sink may end it
            self.lost += len(rows)
            logs.say(f"{len(rows)} collected rows are lost: {type(error).__name__}: {error}")
        self._bytes_given += sum(len(row.body) + len(row.answer) for row in rows)
