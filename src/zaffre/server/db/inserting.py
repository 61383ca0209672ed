"""One INSERT for many rows, in the way that costs each database least. Stores make them; `UnitOfWork.later` uses them."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from zaffre.core import clock
from zaffre.server.db import prepared


class Insert:
    """Writes rows into a table. With `known_stay` a row whose key is there already is left as it is."""

    def __init__(self, table: sa.Table, *, known_stay: bool = False) -> None:
        self._table = table
        self._ending = " ON CONFLICT DO NOTHING" if known_stay else ""
        self._documents = {column.name for column in table.c if isinstance(column.type, sa.JSON)}
        self._texts: dict[tuple[str, ...], str] = {}

    def run(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write these rows, which all have the same columns."""
        if not rows:
            return
        columns = (connection.dialect.name, *rows[0])
        text = self._texts.get(columns) or self._write(columns)
        if columns[0] == "sqlite":
            values = [[self._value(row, column) for column in columns[1:]] for row in rows]
            prepared.driver(connection).executemany(text, values)
        else:
            given = _json([{column: _plain(value) for column, value in row.items()} for row in rows])
            prepared.driver(connection).execute(text, [given])

    def _write(self, columns: tuple[str, ...]) -> str:
        """The statement. Names are those of our own tables."""
        name, named = self._table.name, ", ".join(f'"{column}"' for column in columns[1:])
        if columns[0] == "sqlite":
            source = f"VALUES ({', '.join('?' * (len(columns) - 1))})"
        else:
            # One value holds all rows, so that the statement is always the same and is prepared once.
            source = f"SELECT {named} FROM json_populate_recordset(NULL::{name}, %s::json)"  # noqa: S608
        self._texts[columns] = text = f"INSERT INTO {name} ({named}) {source}{self._ending}"
        return text

    def _value(self, row: Mapping[str, Any], column: str) -> Any:
        value = row[column]
        if column in self._documents:
            return None if value is None else _json(value)
        return _plain(value)


def _plain(value: Any) -> Any:
    return clock.isoformat(value) if isinstance(value, dt.datetime) else value


def _json(value: object) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except (TypeError, UnicodeEncodeError):  # what only the slower one can say
        return json.dumps(value)
