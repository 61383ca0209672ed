"""Statements of the busiest paths, handed to PostgreSQL's own library: the driver's way to it costs several times what the
statement does. Used by `prepared` and `inserting`.

Each connection prepares a statement when it first runs it, and keeps the newest `KEPT` of them. A plain question runs in
whatever transaction is open, or in none; what writes or locks begins one, which the driver ends as it ends its own.
"""

import itertools
from collections.abc import Sequence

import psycopg
import sqlalchemy as sa
from psycopg import pq

KEPT = 200
_NUMBERS = itertools.count(1)
_GOOD = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)


class Command:
    """One statement with numbered values (`$1`), which are texts in UTF-8. `begins` says whether it writes or locks."""

    def __init__(self, text: str, *, begins: bool) -> None:
        self._text = text.encode()
        self._name = f"zaffre_{next(_NUMBERS)}".encode()
        self._begins = begins

    def run(self, connection: sa.Connection, values: Sequence[bytes | None]) -> pq.abc.PGresult:
        """What the server answers. Raises the errors of the driver."""
        library: pq.abc.PGconn = connection.connection.driver_connection.pgconn  # type: ignore[union-attr]
        if self._begins and library.transaction_status == pq.TransactionStatus.IDLE:
            _demand(library.exec_(b"BEGIN"))
        known: dict[bytes, None] = connection.info.setdefault("zaffre_prepared", {})
        if self._name not in known:
            self._prepare(library, known)
        # The annotation forgets that a value may be NULL.
        return _demand(library.exec_prepared(self._name, values))  # type: ignore[arg-type]

    def _prepare(self, library: pq.abc.PGconn, known: dict[bytes, None]) -> None:
        if len(known) >= KEPT:
            oldest = next(iter(known))
            _demand(library.exec_(b"DEALLOCATE " + oldest))
            del known[oldest]
        _demand(library.prepare(self._name, self._text))
        known[self._name] = None


def _demand(result: pq.abc.PGresult) -> pq.abc.PGresult:
    if result.status not in _GOOD:
        raise psycopg.errors.error_from_result(result)
    return result
