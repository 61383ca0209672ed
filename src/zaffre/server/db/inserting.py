"""One INSERT for many rows, in the way that costs each database least. Stores make them; `UnitOfWork.later` uses them."""

import datetime as dt
import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from zaffre.core import clock


class Insert:
    """Writes rows into a table. With `known_stay` a row whose key is there already is left as it is."""

    def __init__(self, table: sa.Table, *, known_stay: bool = False) -> None:
        self._table = table
        self._ending = " ON CONFLICT DO NOTHING" if known_stay else ""
        plain = sqlite.insert(table)
        self._row_by_row = plain.on_conflict_do_nothing() if known_stay else plain
        self._at_once = functools.lru_cache(self._in_one_statement)

    def run(self, connection: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write these rows, which all have the same columns."""
        if not rows:
            return
        if connection.dialect.name == "sqlite":
            connection.execute(self._row_by_row, rows)
        else:
            # One parameter holds all rows, so that the statement is always the same and is prepared once.
            text = json.dumps(rows, default=_plain, separators=(",", ":"))
            connection.execute(self._at_once(tuple(rows[0])), {"rows": text})

    def _in_one_statement(self, columns: tuple[str, ...]) -> sa.TextClause:
        named = ", ".join(f'"{column}"' for column in columns)
        name = self._table.name
        source = f"json_populate_recordset(NULL::{name}, CAST(:rows AS json))"
        # Names are those of our own tables.
        return sa.text(f"INSERT INTO {name} ({named}) SELECT {named} FROM {source}{self._ending}")  # noqa: S608


def _plain(value: object) -> str:
    if isinstance(value, dt.datetime):
        return clock.isoformat(value)
    raise TypeError(f"{type(value).__name__} cannot be stored")
