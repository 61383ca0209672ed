"""The unit of work: one transaction, what it writes last, and who is woken once it is durable."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from zaffre.server.db import inserting


class UnitOfWork:
    """One open transaction. Stores use `connection`; services `touch` the topics that workers listen to.

    Listeners are woken after the commit, in the thread that committed, and never after a rollback.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._later: dict[inserting.Insert, list[Mapping[str, Any]]] = {}
        self.topics: set[str] = set()

    @property
    def connection(self) -> sa.Connection:
        """The connection, after everything that was written `later`."""
        self.flush()
        return self._connection

    @property
    def ahead(self) -> sa.Connection:
        """The connection before what was written `later`: only for tables of which nobody writes so."""
        return self._connection

    def later(self, insert: inserting.Insert, row: Mapping[str, Any]) -> None:
        """Insert a row before anybody uses `connection` again, at the latest before the commit.

        Rows of one statement go together: many cost little more than one.
        """
        self._later.setdefault(insert, []).append(row)

    def flush(self) -> None:
        """Write what waits."""
        while self._later:
            insert = next(iter(self._later))
            insert.run(self._connection, self._later.pop(insert))

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """What is done inside is undone by itself when it raises."""
        with self.connection.begin_nested():
            try:
                yield
                self.flush()
            except BaseException:
                self._later.clear()
                raise

    def touch(self, topic: str) -> None:
        """Wake whoever listens to `topic` on the database once this transaction is durable."""
        self.topics.add(topic)
