"""Statements of the busiest paths, compiled once and handed to the driver as they are: SQLAlchemy's way from a statement to
the driver costs more than the statement. Values are texts, numbers and truths only; stores make them."""

import collections
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import psycopg as postgres

from zaffre.core import clock
from zaffre.server.db import columns, libpq

Statement = sa.ClauseElement | Callable[[str], sa.ClauseElement]
Reader = Callable[[Any], Any] | None
"""From what a driver gives for a column to what it means; None where that is the same."""

# Numbered values, which PostgreSQL's library takes.
_NUMBERED = postgres.dialect(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]


def driver(connection: sa.Connection) -> Any:
    """The driver's own connection, in whose transaction `connection` is."""
    return connection.connection.driver_connection


class Prepared:
    """A statement that gives rows, or for statements that differ with the database, what gives it by the dialect's name. It
    is always run with values of the same names."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> Sequence[Any]:
        """The rows that it gives: named tuples, with the values that the columns' types mean."""
        known = self._compiled.get(connection.dialect.name) or self._compile(connection.dialect, values)
        return known.run(connection, values)

    def _compile(self, dialect: sa.Dialect, values: Mapping[str, Any]) -> "_Compiled":
        made = self._statement
        statement: Any = made if isinstance(made, sa.ClauseElement) else made(dialect.name)
        kind = _OnSqlite if dialect.name == "sqlite" else _OnPostgres
        found = kind(statement, dialect if dialect.name == "sqlite" else _NUMBERED, list(values))
        self._compiled[dialect.name] = found
        return found


def among(column: sa.ColumnElement[Any], name: str, dialect: str) -> sa.ColumnElement[bool]:
    """Whether a column has one of the values `listed` under a name: one statement, however many they are."""
    values = sa.bindparam(name, type_=sa.Text)
    if dialect == "sqlite":
        return column.in_(sa.select(sa.func.json_each(values).table_valued("value").c.value))
    each = sa.func.json_array_elements_text(sa.cast(values, sa.JSON)).column_valued("each")
    # An array, so that an index is asked for each value, whatever the planner thinks of their number.
    return column == sa.any_(sa.func.array(sa.select(sa.cast(each, column.type)).scalar_subquery()))


def listed(values: Sequence[str] | Sequence[int]) -> str:
    """Values for `among`."""
    return json.dumps(list(values))


class _Compiled(Protocol):
    """A statement for one database."""

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[Any]: ...


class _Text:
    """A statement's text for one driver, which of the values stand where, and what its rows are called."""

    def __init__(self, statement: Any, dialect: sa.Dialect, names: list[str]) -> None:
        compiled: Any = statement.compile(dialect=dialect, column_keys=names)
        self.text = str(compiled)
        self._constants: dict[str, Any] = dict(compiled.params)
        self._places: list[str] = compiled.positiontup
        given = list(statement.exported_columns)
        row: Any = collections.namedtuple("Row", [column.key for column in given], rename=True)  # type: ignore[misc]
        self.make: Callable[[Sequence[Any]], Any] = row._make
        self.types = [column.type for column in given]

    def ordered(self, values: Mapping[str, Any]) -> list[Any]:
        constants = self._constants
        return [values[place] if place in values else constants[place] for place in self._places]


class _OnSqlite:
    def __init__(self, statement: Any, dialect: sa.Dialect, names: list[str]) -> None:
        self._text = _Text(statement, dialect, names)
        readers = [_sqlite_reader(kind) for kind in self._text.types]
        self._readers = [(at, reader) for at, reader in enumerate(readers) if reader is not None]

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[Any]:
        rows = driver(connection).execute(self._text.text, self._text.ordered(values)).fetchall()
        return [self._text.make(self._read(row)) for row in rows]

    def _read(self, row: Sequence[Any]) -> Sequence[Any]:
        if not self._readers:
            return row
        read = list(row)
        for at, reader in self._readers:
            if read[at] is not None:
                read[at] = reader(read[at])
        return read


class _OnPostgres:
    def __init__(self, statement: Any, dialect: sa.Dialect, names: list[str]) -> None:
        self._text = _Text(statement, dialect, names)
        begins = not isinstance(statement, sa.Select) or statement._for_update_arg is not None
        self._command = libpq.Command(self._text.text, begins=begins)
        self._readers = list(enumerate(_postgres_reader(kind) for kind in self._text.types))

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> list[Any]:
        found = self._command.run(connection, [_said(value) for value in self._text.ordered(values)])
        make, value = self._text.make, found.get_value
        return [
            make([_read(value(row, at), reader) for at, reader in self._readers])
            for row in range(found.ntuples)
        ]


def _said(value: Any) -> bytes | None:
    if value is None:
        return None
    said = str(value).encode()
    if b"\0" in said:  # the library would take it for the end
        raise psycopg.DataError("a text holds NUL")
    return said


def _read(value: bytes | None, reader: Callable[[bytes], Any]) -> Any:
    return None if value is None else reader(value)


def _sqlite_reader(kind: Any) -> Reader:
    if isinstance(kind, columns.Moment):
        return clock.parse
    if isinstance(kind, sa.JSON):
        return json.loads
    return bool if isinstance(kind, sa.Boolean) else None


def _postgres_reader(kind: Any) -> Callable[[bytes], Any]:
    if isinstance(kind, columns.Moment):
        return lambda value: clock.parse(value.decode())
    if isinstance(kind, sa.JSON):
        return lambda value: json.loads(value.decode())
    if isinstance(kind, sa.Boolean):
        return b"t".__eq__
    if isinstance(kind, sa.Integer):
        return int
    if isinstance(kind, sa.String):
        return bytes.decode
    raise TypeError(f"no prepared statement reads {kind!r} yet")
