"""The threads that do what routes ask of the database: several that read, and writers that work in groups.

A writer takes everything that waits for it and does it in one transaction: under load many requests share one commit
and one way from thread to thread and back. Used by `direct`; other routes use the threads of the framework.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from zaffre.server import db

T = TypeVar("T")
Piece = Callable[[db.UnitOfWork], T]
Order = tuple[str, Piece[Any], "asyncio.Future[Any]"]

READERS = 4
WRITERS = 2
"""On PostgreSQL; SQLite has one writer."""
LARGEST_GROUP = 32


class Crew:
    """`read` and `write` give the outcome of a piece of work; both are called on the event loop."""

    def __init__(self, database: db.Database) -> None:
        self._database = database
        self._reading: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._writing: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._started = False

    async def read(self, piece: Piece[T]) -> T:
        """What a piece of work finds in the database."""
        return await self._order(self._reading, "", piece)

    async def write(self, place: str, piece: Piece[T]) -> T:
        """What a piece of work gave, once it is durable. `place` begins with what it will lock: groups are done in
        the order of their places, so that two never wait for each other."""
        return await self._order(self._writing, place, piece)

    def _order(self, line: "queue.SimpleQueue[Order]", place: str, piece: Piece[T]) -> "asyncio.Future[T]":
        if not self._started:
            self._start()
        outcome: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        line.put((place, piece, outcome))
        return outcome

    def _start(self) -> None:
        """Threads begin with the first request, so that an application can be described without a database."""
        self._started = True
        for number in range(READERS):
            threading.Thread(target=self._read, name=f"reader-{number}", daemon=True).start()
        for number in range(1 if self._database.is_sqlite else WRITERS):
            threading.Thread(target=self._write, name=f"writer-{number}", daemon=True).start()

    def _read(self) -> None:
        while True:
            order = self._reading.get()
            _deliver([order], [self._database.look(order[1])])

    def _write(self) -> None:
        while True:
            orders = [self._writing.get()]
            with contextlib.suppress(queue.Empty):
                while len(orders) < LARGEST_GROUP:
                    orders.append(self._writing.get_nowait())
            orders.sort(key=_place)
            _deliver(orders, self._database.together([piece for _, piece, _ in orders]))


def _place(order: Order) -> str:
    return order[0]


def _deliver(orders: list[Order], outcomes: list[db.Outcome[Any]]) -> None:
    with contextlib.suppress(
        RuntimeError
    ):  # a server that ended has closed its loop, and nobody waits any more
        orders[0][2].get_loop().call_soon_threadsafe(_tell, orders, outcomes)


def _tell(orders: list[Order], outcomes: list[db.Outcome[Any]]) -> None:
    for (_, _, waiting), outcome in zip(orders, outcomes, strict=True):
        if waiting.cancelled():
            continue
        if outcome.error is None:
            waiting.set_result(outcome.value)
        else:
            waiting.set_exception(outcome.error)
