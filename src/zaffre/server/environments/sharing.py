"""Work that several ask for at the same moment: done once, told to all who wait, ended when the last of them has gone.

Called by `workshop`, whose locks and builds are worth one worker however many wait. Of several servers, `slots` lets one build.
"""

import concurrent.futures
import queue
import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from zaffre.server.environments import errands

Answer = TypeVar("Answer")

_LOOK_S = 0.1
_AT_ONCE = 16

Lines = queue.SimpleQueue[str | None]
"""What one who waits has not heard yet; None is the end."""


class _Work:
    """Something under way, and those who wait for it."""

    def __init__(self) -> None:
        self.waiting: list[Lines] = []
        self.unwanted = threading.Event()
        self.future: concurrent.futures.Future[Any]

    def say(self, line: str | None) -> None:
        for lines in tuple(self.waiting):
            lines.put(line)

    def check(self) -> None:
        if self.unwanted.is_set():
            raise InterruptedError("nobody waits for this any more")


class Shared:
    """Remembers what is under way, by its key."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._under_way: dict[Hashable, _Work] = {}
        self._closing = False
        self._pool = concurrent.futures.ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="environments")

    def do(self, key: Hashable, work: Callable[[errands.Errand], Answer], asker: errands.Errand) -> Answer:
        """What `work` returns or raises, or what the same key's returns that is under way. When the asker's own check raises,
        that is raised, and the work goes on for those who still wait. Raises InterruptedError once it was closed."""
        mine, lines = self._join(key, work)
        try:
            while (line := _next(lines, asker)) is not None:
                asker.say(line)
            answer: Answer = mine.future.result()
            return answer
        finally:
            self._leave(key, mine, lines)

    def close(self) -> None:
        """End everything that is under way, and wait until it has."""
        with self._guard:
            self._closing = True
            for work in self._under_way.values():
                work.unwanted.set()
        self._pool.shutdown(wait=True)

    def _join(self, key: Hashable, work: Callable[[errands.Errand], Any]) -> tuple[_Work, Lines]:
        lines: Lines = queue.SimpleQueue()
        with self._guard:
            if self._closing:
                raise InterruptedError("the server stops")
            mine = self._under_way.get(key)
            if mine is not None:
                mine.waiting.append(lines)
                return mine, lines
            mine = self._under_way[key] = _Work()
            mine.waiting.append(lines)
            mine.future = self._pool.submit(work, errands.Errand(mine.say, mine.check))
        mine.future.add_done_callback(lambda _: self._done(key, mine))
        return mine, lines

    def _done(self, key: Hashable, work: _Work) -> None:
        with self._guard:
            self._forget(key, work)
            work.say(None)

    def _leave(self, key: Hashable, work: _Work, lines: Lines) -> None:
        with self._guard:
            work.waiting.remove(lines)
            if not work.waiting:
                work.unwanted.set()
                self._forget(key, work)  # who asks now begins anew, and is not given what is being ended

    def _forget(self, key: Hashable, work: _Work) -> None:
        if self._under_way.get(key) is work:
            del self._under_way[key]


def _next(lines: Lines, asker: errands.Errand) -> str | None:
    while True:
        asker.check()
        try:
            return lines.get(timeout=_LOOK_S)
        except queue.Empty:
            continue
