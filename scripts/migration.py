"""Writes the next Alembic migration from the difference between the tables and a migrated database.

usage: python scripts/migration.py "what changes"
"""

import sys
import tempfile
from pathlib import Path

import alembic.command

from zaffre.server import db
from zaffre.server.app import tables
from zaffre.server.db import schema

with tempfile.TemporaryDirectory() as folder:
    metadata = tables.metadata()
    database = db.Database(f"sqlite:///{folder}/x.db")
    schema.migrate(database, metadata)
    with database.write() as uow:
        configuration = schema._configuration(uow.connection, metadata)
        number = len(list((Path(schema.MIGRATIONS) / "versions").glob("[0-9]*.py"))) + 1
        alembic.command.revision(configuration, sys.argv[1], autogenerate=True, rev_id=f"{number:04d}")
    database.close()
