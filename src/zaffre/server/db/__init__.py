"""The database room: engine, unit of work, column types, migrations. Every room's `store.py` hangs its tables on
`metadata`; nothing else of the server touches SQLAlchemy."""

from zaffre.server.db.columns import Json, Moment, metadata
from zaffre.server.db.engine import Database, Outcome
from zaffre.server.db.inserting import Insert
from zaffre.server.db.prepared import Prepared, among, listed
from zaffre.server.db.unit import UnitOfWork

__all__ = [
    "Database", "Insert", "Json", "Moment", "Outcome", "Prepared", "UnitOfWork", "among", "listed", "metadata",
]  # fmt: skip
