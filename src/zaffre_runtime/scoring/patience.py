"""How long a request may wait for its turn: `max_queue_wait_ms`, then 429. Called by dataplane.py and watch.py.

Whoever waits behind short calls is told when the turn comes; behind a call that goes on and on, the watch tells them in
time, and adds the header by which the router tries another replica first: nothing of such a request was begun. One that comes
back, because there is no other or the router did not find it, is sent away again without waiting.
"""

from __future__ import annotations

import collections
import time
from typing import Deque, List

from zaffre_runtime.scoring import answers, begun, config, exchange

LEAST_S = 0.01  # a limit of 0 would refuse whoever arrives a moment before the other is done
LOOK_S, MOST_LOOK_S = 0.05, 1.0
_MOST_REMEMBERED = 256
STOOD_STILL_S = 0.2
HELD_S = 0.5
"""Who is accepted this soon after the start was held while the process came back: `request_timeout_ms` is their limit."""
WAITED_TOO_LONG = "This request waited longer than max_queue_wait_ms for its turn. Send fewer at once, or scale the deployment out."


class Patience:
    """The requests that wait, oldest first, as seen from the thread that scores (`turn`) and from the watch (`expire`)."""

    def __init__(self, settings: config.Config) -> None:
        self._timeout_s = settings.request_timeout_ms / 1000
        wait_ms = settings.max_queue_wait_ms
        self._wait_s = float("inf") if wait_ms is None else max(wait_ms / 1000, LEAST_S)
        self._limit_s = min(self._wait_s, self._timeout_s)
        self._late = answers.timeout(settings.request_timeout_ms, managed=settings.managed)
        self._waiting: Deque[exchange.Exchange] = collections.deque()
        self._sent_away: Deque[str] = collections.deque(maxlen=_MOST_REMEMBERED)
        self._ticked = time.monotonic()
        self._held_until = self._ticked + HELD_S
        self.begin = self._waiting.append

    def turn(self, batch: List[exchange.Exchange]) -> List[exchange.Exchange]:
        """Those of the batch, oldest first, whose time is not over; the others are answered."""
        for _ in batch:
            self._waiting.popleft()
        now = time.monotonic()
        if now - batch[0].arrived <= self._limit_s:
            return batch
        self._notice(now)
        return [one for one in batch if not self._is_over(one, now)]

    def tick(self, now: float) -> None:
        """The watch is awake. It says so more often than `look_s`, unless the whole process stands still."""
        self._notice(now)
        self._ticked = now

    def expire(self, now: float, called_at: float) -> None:
        """Answer those whose time is over while a call goes on, which began at `called_at`. Their turn finds them answered.

        Who was held has the whole time, but not behind a call that may never end: half of it is left for another replica.
        """
        is_stuck = now - called_at > max(self._wait_s, self._timeout_s / 2)
        for one in list(self._waiting):
            came_back = self._came_back(one)
            if not came_back and now - one.arrived <= self._wait_s:
                continue
            if is_stuck or not self._was_held(one):
                sent = one.answer(answers.too_many(WAITED_TOO_LONG, elsewhere=True))
                if sent and not came_back:
                    self._sent_away.append(one.request_id)

    def look_s(self) -> float:
        """How long the watch may sleep without missing one."""
        return min(max(self._limit_s / 2, LOOK_S), MOST_LOOK_S)

    def _is_over(self, one: exchange.Exchange, now: float) -> bool:
        waited = now - one.arrived
        if waited > self._timeout_s:
            one.answer(
                self._late
            )  # who asked has given up (the router's time is ours): work would delay the others
        elif waited > self._wait_s and not self._was_held(one):
            one.answer(answers.too_many(WAITED_TOO_LONG))
        else:
            return False
        return True

    def _came_back(self, one: exchange.Exchange) -> bool:
        """Whether it has waited here before."""
        return (one.header(begun.ATTEMPT) or "1") != "1" and one.request_id in self._sent_away

    def _notice(self, now: float) -> None:
        """A process that was stopped, or got no processor, has kept its callers waiting by no fault of theirs."""
        if now - self._ticked > self.look_s() + STOOD_STILL_S:
            self._held_until = now

    def _was_held(self, one: exchange.Exchange) -> bool:
        return one.arrived < self._held_until
