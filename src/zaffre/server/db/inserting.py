"""One INSERT for many rows, in the way that costs each database least. Stores make them; `UnitOfWork.later` uses them."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from zaffre.core import clock
from zaffre.server.db import libpq, prepared


class Insert:
    """Writes rows into a table. With `known_stay` a row whose key is there already is left as it is."""

    def __init__(self, table: sa.Table, *, known_stay: bool = False) -> None:
        self._table = table
        self._ending = " ON CONFLICT DO NOTHING" if known_stay else ""
        self._documents = {column.name for column in table.c if isinstance(column.type, sa.JSON)}
        self._texts: dict[tuple[str, ...], str] = {}
        self._commands: dict[tuple[str, ...], libpq.Command] = {}

    def run(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write these rows, which all have the same columns."""
        if not rows:
            return
        columns = tuple(rows[0])
        if connection.dialect.name == "sqlite":
            text = self._texts.get(columns) or self._for_sqlite(columns)
            values = [[self._value(row, column) for column in columns] for row in rows]
            prepared.driver(connection).executemany(text, values)
        else:
            command = self._commands.get(columns) or self._for_postgres(columns)
            given = _json([{column: _plain(value) for column, value in row.items()} for row in rows])
            command.run(connection, [given])

    def _for_sqlite(self, columns: tuple[str, ...]) -> str:
        marks = ", ".join("?" * len(columns))
        text = self._texts[columns] = self._statement(columns, f"VALUES ({marks})")
        return text

    def _for_postgres(self, columns: tuple[str, ...]) -> libpq.Command:
        # One value holds all rows, so that the statement is always the same and is prepared once.
        rows = f"json_populate_recordset(NULL::{self._table.name}, $1::json)"
        text = self._statement(columns, f"SELECT {_named(columns)} FROM {rows}")  # noqa: S608
        command = self._commands[columns] = libpq.Command(text, begins=True)
        return command

    def _statement(self, columns: tuple[str, ...], source: str) -> str:
        """The statement. Names are those of our own tables."""
        return f"INSERT INTO {self._table.name} ({_named(columns)}) {source}{self._ending}"

    def _value(self, row: Mapping[str, Any], column: str) -> Any:
        value = row[column]
        if column in self._documents:
            return None if value is None else _json(value).decode()
        return _plain(value)


def _plain(value: Any) -> Any:
    return clock.isoformat(value) if isinstance(value, dt.datetime) else value


def _named(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


def _json(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (TypeError, UnicodeEncodeError):  # what only the slower one can say
        return json.dumps(value).encode()
