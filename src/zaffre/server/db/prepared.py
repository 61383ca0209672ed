"""Statements of the busiest paths, compiled once and handed to the driver as they are: SQLAlchemy's way from a statement to
the driver costs more than the statement. Values are texts, numbers and truths only; stores make them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

Statement = sa.ClauseElement | Callable[[str], sa.ClauseElement]


def driver(connection: sa.Connection) -> Any:
    """The driver's own connection, in whose transaction `connection` is."""
    return connection.connection.driver_connection


class Prepared:
    """A statement, or for statements that differ with the database, what gives it by the dialect's name. It is always
    run with values of the same names."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: sa.Connection, values: Mapping[str, Any]) -> Sequence[tuple[Any, ...]]:
        """The rows that it gives."""
        known = self._compiled.get(connection.dialect.name) or self._compile(connection.dialect, values)
        given: Any = {**known.constants, **values}
        if known.places is not None:  # SQLite's driver numbers its values, PostgreSQL's names them
            given = [given[place] for place in known.places]
        rows: Sequence[tuple[Any, ...]] = driver(connection).execute(known.text, given).fetchall()
        return rows

    def _compile(self, dialect: sa.Dialect, values: Mapping[str, Any]) -> "_Compiled":
        made = self._statement
        statement = made if isinstance(made, sa.ClauseElement) else made(dialect.name)
        compiled: Any = statement.compile(dialect=dialect, column_keys=list(values))
        places = tuple(compiled.positiontup) if compiled.positional else None
        found = _Compiled(str(compiled), dict(compiled.params), places)
        self._compiled[dialect.name] = found
        return found


class _Compiled(NamedTuple):
    """A statement for one driver, with the values that stand in it."""

    text: str
    constants: dict[str, Any]
    places: tuple[str, ...] | None
