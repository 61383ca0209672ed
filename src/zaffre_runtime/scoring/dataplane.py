"""The one place that scores. http.py submits on the listener's thread; `serve` runs on the main thread and calls the model.

One call at a time, on the thread that ran init(), with no event loop on it. Requests that arrive during a call wait in
the queue; a scorer that takes many (`most` > 1) gets what waits there in its next call, so batching adds no delay. A
failed call of many is repeated one by one, so that a bad request fails alone.
"""

from __future__ import annotations

import os
import queue
import time
import traceback
from typing import List, Optional, Protocol

from zaffre_runtime.scoring import answers, errors, exchange, logs


class Scorer(Protocol):
    """A user's script or a loaded model. `score` answers in order; it may raise Refused or anything else."""

    most: int

    def score(self, exchanges: List[exchange.Exchange]) -> List[answers.Answer]: ...


class Call:
    """A call in progress, as the watch sees it."""

    __slots__ = ("exchanges", "started", "timed_out")

    def __init__(self, exchanges: List[exchange.Exchange]) -> None:
        self.exchanges = exchanges
        self.started = time.monotonic()
        self.timed_out = False


class DataPlane:
    def __init__(self, scorer: Scorer, max_waiting: int) -> None:
        self.running: Optional[Call] = None
        self._scorer = scorer
        self._max_waiting = max_waiting
        self._waiting: queue.SimpleQueue[Optional[exchange.Exchange]] = queue.SimpleQueue()

    def submit(self, wanted: exchange.Exchange) -> bool:
        """False when too many wait already."""
        if self._waiting.qsize() >= self._max_waiting:
            return False
        self._waiting.put(wanted)
        return True

    def stop(self) -> None:
        self._waiting.put(None)

    def serve(self) -> None:
        """Until `stop`; every request submitted before it is answered first."""
        while True:
            first = self._waiting.get()
            if first is None:
                return
            batch: List[Optional[exchange.Exchange]] = [first]
            if self._scorer.most > 1:
                self._let_others_in()
                batch += self._more(self._scorer.most - 1)
            self._call([one for one in batch if one is not None])
            if batch[-1] is None:
                return

    def _let_others_in(self) -> None:
        """Give the interpreter lock to the I/O thread until it has handed over all that lies ready in its sockets.

        It does not wait for anything to arrive: with one caller it costs a microsecond; with 32 it more than doubles
        the rows per call, because otherwise the first request handed over ends the others' turn.
        """
        size, most = self._waiting.qsize, self._scorer.most
        before = -1
        while before < size() < most:
            before = size()
            os.sched_yield()

    def _more(self, most: int) -> List[Optional[exchange.Exchange]]:
        """What waits, up to `most`; the mark of `stop`, if met, is the last."""
        found: List[Optional[exchange.Exchange]] = []
        for _ in range(min(self._waiting.qsize(), most)):
            found.append(self._waiting.get())
            if found[-1] is None:
                break
        return found

    def _call(self, batch: List[exchange.Exchange]) -> None:
        call = self.running = Call(batch)
        try:
            found = self._scorer.score(batch)
        except Exception as error:  # noqa: BLE001 - the process's outermost loop: user code may raise anything
            if len(batch) > 1:
                for one in batch:
                    self._call([one])
                return
            found = [self._failure(error, batch[0], call)]
        self.running = None
        for one, answer in zip(batch, found):
            one.answer(answer)

    @staticmethod
    def _failure(error: Exception, asked: exchange.Exchange, call: Call) -> answers.Answer:
        if isinstance(error, errors.Refused):
            return answers.message(error.status, error.message)
        logs.say(f"request {asked.request_id} failed:")
        traceback.print_exception(type(error), error, error.__traceback__)
        return answers.script_failure((time.monotonic() - call.started) * 1000)
