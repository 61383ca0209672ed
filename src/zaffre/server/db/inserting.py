"""One INSERT for many rows, in the way that costs each database least. Stores make them; `UnitOfWork.later` uses them."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from zaffre.core import clock
from zaffre.server.db import columns, libpq, prepared


class Insert:
    """Writes rows into a table. With `known_stay` a row whose key is there already is left as it is."""

    def __init__(self, table: sa.Table, *, known_stay: bool = False) -> None:
        self._table = table
        self._ending = " ON CONFLICT DO NOTHING" if known_stay else ""
        self._documents = {column.name for column in table.c if isinstance(column.type, sa.JSON)}
        self._moments = {column.name for column in table.c if isinstance(column.type, columns.Moment)}
        self._texts: dict[tuple[str, ...], str] = {}
        self._commands: dict[tuple[str, ...], libpq.Command] = {}

    def run(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write these rows, which all have the same columns."""
        if not rows:
            return
        names = tuple(rows[0])
        if connection.dialect.name == "sqlite":
            text = self._texts.get(names) or self._for_sqlite(names)
            values = [[self._value(row, name) for name in names] for row in rows]
            prepared.driver(connection).executemany(text, values)
        else:
            command = self._commands.get(names) or self._for_postgres(names)
            command.run(connection, [_json([self._said(row) for row in rows])])

    def _for_sqlite(self, names: tuple[str, ...]) -> str:
        marks = ", ".join("?" * len(names))
        text = self._texts[names] = self._statement(names, f"VALUES ({marks})")
        return text

    def _for_postgres(self, names: tuple[str, ...]) -> libpq.Command:
        # One value holds all rows, so that the statement is always the same and is prepared once.
        rows = f"json_populate_recordset(NULL::{self._table.name}, $1::json)"
        text = self._statement(names, f"SELECT {_quoted(names)} FROM {rows}")  # noqa: S608
        command = self._commands[names] = libpq.Command(text, begins=True)
        return command

    def _statement(self, names: tuple[str, ...], source: str) -> str:
        """The statement. Names are those of our own tables."""
        return f"INSERT INTO {self._table.name} ({_quoted(names)}) {source}{self._ending}"

    def _said(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        moments = [name for name in self._moments if row.get(name) is not None]
        return {**row, **{name: clock.isoformat(row[name]) for name in moments}} if moments else row

    def _value(self, row: Mapping[str, Any], name: str) -> Any:
        value = row[name]
        if value is None:
            return None
        if name in self._documents:
            return _json(value).decode()
        return clock.isoformat(value) if name in self._moments else value


def _quoted(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _json(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (TypeError, UnicodeEncodeError):  # what only the slower one can say
        return json.dumps(value).encode()
