"""The one place that scores. http.py submits on the listener's thread; `serve` runs on the main thread and calls the model.

One call at a time, on the thread that ran init(), with no event loop on it. Requests that arrive during a call wait in
the queue; a scorer that takes many (`most` > 1) gets what waits there in its next call, so batching adds no delay. A
failed call of many is repeated one by one, so that a bad request fails alone.

Small requests are scored on the listener's thread instead, where the scorer allows that (`here`) and its last calls were
quick: waking another thread would take longer than many a model.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
from typing import Callable, List, Optional, Protocol, Set

from zaffre_runtime.scoring import answers, begun, config, errors, exchange, logs, meter, patience, tap

TURN = 64  # requests taken from the queue at once
QUICK_S = 0.001  # a call; whoever comes during it on the listener's thread is not even counted until it ends
SMALL = 65_536  # bytes of the bodies of one call
CALM = 8  # quick calls before the next may be made on the listener's thread


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
    def __init__(self, scorer: Scorer, settings: config.Config, collects: Optional[tap.Tap] = None) -> None:
        self.running: Optional[Call] = None
        self.patience = patience.Patience(settings)
        self.meter = meter.Meter(settings.counts_file)
        self._begun = begun.opened(settings.begun_folder)
        self._scorer = scorer
        self._max_waiting = settings.max_waiting
        self._managed = settings.managed
        self._tap = collects
        self._turn = max(scorer.most, TURN)
        self._waiting: queue.SimpleQueue[Optional[exchange.Exchange]] = queue.SimpleQueue()
        self.under_way: Set[exchange.Exchange] = set()
        self._turns = threading.Lock()
        self._here: Optional[Callable[[], None]] = getattr(scorer, "here", None)
        self._arrived: List[exchange.Exchange] = []
        self._prepared = 0
        self._calm = 0

    def submit(self, wanted: exchange.Exchange) -> bool:
        """Take it in; `all_arrived` follows. False when too many wait already."""
        if self._begun is not None and begun.tried_before(wanted.headers):
            deaths = self._begun.deaths(wanted)
            if deaths >= begun.MOST_DEATHS:
                return wanted.answer(self._from_us(answers.deadly(deaths)))
            wanted.alone = deaths > 0
        if self._waiting.qsize() + len(self._arrived) >= self._max_waiting:
            return False
        wanted.arrived = time.monotonic()
        self._arrived.append(wanted)
        return True

    def all_arrived(self) -> None:
        """Whoever came at this moment has been submitted: score them, or leave them to the main thread together."""
        if not self._arrived:
            return
        arrived, self._arrived = self._arrived, []
        if self._calm >= CALM and self._scored_here(arrived):
            return
        for one in arrived:
            self.patience.begin(one)
            self._waiting.put(one)

    def _scored_here(self, arrived: List[exchange.Exchange]) -> bool:
        """On the listener's thread, unless the main one is at work or has work."""
        if len(arrived) > self._scorer.most or sum(len(one.body) for one in arrived) > SMALL:
            return False
        if self._waiting.qsize() or not self._turns.acquire(blocking=False):
            return False
        try:
            self._prepare()
            self._call(arrived)
        finally:
            self._turns.release()
        return True

    def _prepare(self) -> None:
        thread = threading.get_ident()
        if thread != self._prepared and self._here is not None:
            self._here()
            self._prepared = thread

    def stop(self) -> None:
        self._waiting.put(None)

    def serve(self) -> None:
        """Until `stop`; every request submitted before it is answered first."""
        most = self._scorer.most
        while True:
            ready = self._ready()
            wanted = [one for one in ready if one is not None]
            for start in range(0, len(wanted), most):
                batch = self.patience.turn(wanted[start : start + most])
                if batch:
                    with self._turns:
                        self._call(batch)
            if len(wanted) < len(ready):
                return

    def _ready(self) -> List[Optional[exchange.Exchange]]:
        """At least one request, and what else lies ready; the mark of `stop`, if met, is the last."""
        take = self._waiting.get
        found = [take()]
        if found[0] is not None:
            for _ in range(min(self._waiting.qsize(), self._turn - 1)):
                found.append(take())
                if found[-1] is None:
                    break
        return found

    def _call(self, batch: List[exchange.Exchange]) -> None:
        if len(batch) > 1 and self._begun is not None and any(one.alone for one in batch):
            return self._one_by_one(batch)
        call = self.running = Call(batch)
        if self._begun is not None:
            self._begun.note(batch)
        try:
            found = self._scorer.score(batch)
        except Exception as error:  # noqa: BLE001 - the process's outermost loop: user code may raise anything
            if len(batch) > 1:
                return self._one_by_one(batch)
            found = [self._failure(error, batch[0], call=call)]
        self.running = None
        if self._begun is not None:
            self._begun.clear()
        if self._here is not None:
            is_calm = time.monotonic() - call.started < QUICK_S
            self._calm = self._calm + 1 if is_calm else 0
        for one, answer in zip(batch, found):
            one.answer(answer if answer.status == 200 else self._from_us(answer))
        self.meter.called(call, self._waiting.qsize())
        if self._tap is not None:
            for one, answer in zip(batch, found):
                self._tap.offer(one, answer)
        return None

    def _one_by_one(self, batch: List[exchange.Exchange]) -> None:
        for one in batch:
            self._call([one])

    def _from_us(self, answer: answers.Answer) -> answers.Answer:
        own = answer.status == 200 or not self._managed
        return answer if own else answers.seen_from_outside(answer)

    @staticmethod
    def _failure(error: Exception, asked: exchange.Exchange, *, call: Call) -> answers.Answer:
        if isinstance(error, errors.Refused):
            return answers.refusal(error.status, error.message)
        logs.say(f"request {asked.request_id} failed:")
        traceback.print_exception(type(error), error, error.__traceback__)
        return answers.script_failure((time.monotonic() - call.started) * 1000)
