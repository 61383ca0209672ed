"""Engines for SQLite and PostgreSQL behind one face: `read()` and `write()` hand out units of work.

SQLite: one server process (a file lock says so), one writer at a time (`BEGIN IMMEDIATE` behind a fair in-process
lock), WAL, `synchronous=FULL`, so that what was acknowledged survives a power cut. PostgreSQL: ordinary
transactions; rows that count versions are locked by those who count.
"""

import contextlib
import dataclasses
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, TypeVar

import psycopg
import sqlalchemy as sa

from zaffre.core import errors, tally
from zaffre.server.db import unit

T = TypeVar("T")

_FULL = ("disk is full", "no space left", "disk quota")
"""What SQLite and PostgreSQL say then."""
_LOST = (sqlite3.OperationalError, psycopg.OperationalError, psycopg.InterfaceError)
"""What drivers raise by themselves, where statements go to them directly."""
_TAKEN = (sa.exc.IntegrityError, sqlite3.IntegrityError, psycopg.IntegrityError)


@dataclasses.dataclass(frozen=True)
class Outcome(Generic[T]):
    """What a piece of work gave, or the error that it ended with."""

    value: T | None = None
    error: Exception | None = None


class Database:
    """One database. Threads share it. Raises Unavailable when it cannot be reached, Conflict when it is taken."""

    def __init__(self, url: str) -> None:
        self.url = sa.make_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._lock_file: Any = None
        self._writer = threading.Lock()
        self._written = False
        self._listeners: dict[str, list[Callable[[], None]]] = {}
        if self.is_sqlite:
            self._claim()
            self.engine = _sqlite_engine(self.url)
        elif self.url.get_backend_name() == "postgresql":
            self.engine = _postgres_engine(self.url)
        else:
            raise errors.Invalid(
                f"database_url names {self.url.get_backend_name()!r}, which Zaffre does not speak.",
                hint="Use sqlite:///path or postgresql://user@host/name.",
            )

    @contextlib.contextmanager
    def read(self) -> Iterator[unit.UnitOfWork]:
        """A unit of work that writes nothing. On SQLite it sees one consistent state; on PostgreSQL each statement sees
        what was committed when it began."""
        with self._connected() as connection, connection.begin():
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            yield unit.UnitOfWork(connection)

    @contextlib.contextmanager
    def write(self) -> Iterator[unit.UnitOfWork]:
        """A unit of work that commits at the end of the block, or rolls back when the block raises."""
        guard: contextlib.AbstractContextManager[Any] = (
            self._writer if self.is_sqlite else contextlib.nullcontext()
        )
        began = time.perf_counter()
        with guard, self._connected() as connection:
            work = unit.UnitOfWork(connection)
            with connection.begin():
                if self.is_sqlite:
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                tally.WRITER_WAITS.add((), time.perf_counter() - began)
                yield work
                work.flush()
            self._written = True
        for topic in work.topics:
            for listener in self._listeners.get(topic, ()):
                listener()

    def together(self, pieces: Sequence[Callable[[unit.UnitOfWork], T]]) -> list[Outcome[T]]:
        """Do pieces of work in one transaction, which costs one commit; each has its own outcome.

        When any of them fails, nothing of that transaction is kept and each is done in one of its own: no piece
        sees or undoes what another did. One that found a key taken, by somebody who committed at that moment, is done once
        more, to see what is there now. A piece may therefore run several times, and must do nothing beside its unit of work.
        """
        if len(pieces) > 1:
            tried = _try(lambda: self._all(pieces))
            if tried.error is None:
                return [Outcome(value) for value in tried.value or ()]
        return [self._alone(piece) for piece in pieces]

    def _alone(self, piece: Callable[[unit.UnitOfWork], T]) -> Outcome[T]:
        outcome = _try(lambda: self._all([piece])[0])
        return _try(lambda: self._all([piece])[0]) if isinstance(outcome.error, _TAKEN) else outcome

    def look(self, piece: Callable[[unit.UnitOfWork], T]) -> Outcome[T]:
        """What a piece of work finds, in a `read` of its own."""
        return _try(lambda: self._found(piece))

    def _found(self, piece: Callable[[unit.UnitOfWork], T]) -> T:
        with self.read() as uow:
            return piece(uow)

    def _all(self, pieces: Sequence[Callable[[unit.UnitOfWork], T]]) -> list[T]:
        with self.write() as uow:
            return [piece(uow) for piece in pieces]

    def connections(self) -> tuple[int, int]:
        """How many of the pool's connections are in use, and how many wait to be."""
        pool: Any = self.engine.pool
        return pool.checkedout(), pool.checkedin()

    def checkpoint(self) -> bool:
        """Move what SQLite's log holds into its file, beside whoever writes and reads: then no write has to do it. False
        when nothing was written since the last time."""
        if not self._written:
            return False
        self._written = False
        with self._connected() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
        return True

    def listen(self, topic: str, listener: Callable[[], None]) -> None:
        """Call `listener` after every commit that touched `topic`. It must be quick and must not fail."""
        self._listeners.setdefault(topic, []).append(listener)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[sa.Connection]:
        try:
            with self.engine.connect() as connection:
                yield connection
        except (sa.exc.OperationalError, sa.exc.InterfaceError, *_LOST) as error:
            raise self._unavailable(error) from error
        except (sa.exc.DataError, psycopg.DataError) as error:
            raise errors.Invalid(
                "A value does not fit where it would be stored.",
                hint="Look for a text or number that is too long.",
            ) from error

    def _unavailable(self, error: Exception) -> errors.Unavailable:
        said = str(getattr(error, "orig", error)).lower()
        if any(sign in said for sign in _FULL):
            return errors.Unavailable(
                "The database's disk is full; nothing of this was kept.",
                hint="Free space on the server (`zaffre server gc`), then try again.",
            )
        shown = self.url.set(query={}).render_as_string(hide_password=True)
        return errors.Unavailable(
            f"The database {shown} cannot be reached."
            if not self.is_sqlite
            else "The database's disk cannot be used.",
            hint="Start it, or correct database_url in zaffre.toml; then try again.",
        )

    def _claim(self) -> None:
        path = self.url.database
        if not path or path == ":memory:":
            raise errors.Invalid("SQLite needs a file: use sqlite:////absolute/path.db.")
        Path(path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise errors.Conflict(
                f"Another server uses the database {path}.",
                hint="`zaffre server stop` ends it; several servers together need PostgreSQL.",
            ) from None
        self._lock_file = descriptor

    def close(self) -> None:
        """Give back connections and the claim on the file."""
        self.engine.dispose()
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None


def _try(work: Callable[[], T]) -> Outcome[T]:
    try:
        return Outcome(value=work())
    except Exception as error:  # noqa: BLE001 # whoever asked for the work is told, in his own thread
        return Outcome(error=error)


def _sqlite_engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url.set(drivername="sqlite+pysqlite"),
        pool_size=20,
        max_overflow=40,
        pool_use_lifo=True,  # the connection used last has the most in its memory
        connect_args={
            "check_same_thread": False,
            "timeout": 60,
            "isolation_level": None,
            "cached_statements": 512,
        },
    )
    # The driver's own transaction control is off (isolation_level None): `read` and `write` say BEGIN themselves.
    sa.event.listen(engine, "connect", _prepare_sqlite)
    return engine


_LONGEST_LOG = 16_384
"""Pages in SQLite's log at which a write does what `checkpoint` is for: 64 MB, if nobody else did it before."""


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    Path(connection.execute("PRAGMA database_list").fetchone()[2]).chmod(0o600)
    for pragma in (
        "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-65536",
        "temp_store=MEMORY", "mmap_size=268435456", f"wal_autocheckpoint={_LONGEST_LOG}",
    ):  # fmt: skip
        connection.execute(f"PRAGMA {pragma}")


_RESTED_S = 2.0


def _postgres_engine(url: sa.URL) -> sa.Engine:
    engine = sa.create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=20,
        max_overflow=20,
        pool_use_lifo=True,  # the connection used last has the most prepared
        # What `libpq` speaks; and the driver, which drops all prepared statements whenever it rolls back, prepares none.
        connect_args={"client_encoding": "utf8", "prepare_threshold": None},
    )
    sa.event.listen(engine, "checkin", _note_return)
    sa.event.listen(engine, "checkout", _ping_if_rested)
    return engine


def _note_return(_connection: Any, record: Any) -> None:
    record.info["returned_at"] = time.monotonic()


def _ping_if_rested(connection: Any, record: Any, _proxy: Any) -> None:
    """Ask a connection that nobody used for a while whether it is still there; a busy one need not be asked."""
    returned_at = record.info.get("returned_at")
    if returned_at is None or time.monotonic() - returned_at < _RESTED_S:
        return
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except psycopg.Error as error:
        raise sa.exc.DisconnectionError from error
