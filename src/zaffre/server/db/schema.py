"""Brings a database to the newest schema. Handed the MetaData by the composition root, which has imported every store."""

from pathlib import Path

import alembic.command
import alembic.config
import alembic.migration
import alembic.script
import sqlalchemy as sa

from zaffre.core import errors
from zaffre.server.db import engine

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(database: engine.Database, metadata: sa.MetaData) -> tuple[str | None, str | None]:
    """Run what is missing, in one transaction; returns the revisions before and after. Raises Unsupported when the
    database was written by a newer Zaffre."""
    with database.write() as uow:
        configuration = _configuration(uow.connection, metadata)
        script = alembic.script.ScriptDirectory.from_config(configuration)
        before = alembic.migration.MigrationContext.configure(uow.connection).get_current_revision()
        if before is not None and before not in {item.revision for item in script.walk_revisions()}:
            raise errors.Unsupported(
                f"The database is at revision {before}, which this Zaffre does not know.",
                hint="It was written by a newer version: install that one, or restore a backup.",
            )
        alembic.command.upgrade(configuration, "head")
    return before, script.get_current_head()


def _configuration(connection: sa.Connection, metadata: sa.MetaData) -> alembic.config.Config:
    configuration = alembic.config.Config()
    configuration.set_main_option("script_location", str(MIGRATIONS))
    configuration.set_main_option("path_separator", "os")
    configuration.attributes.update(connection=connection, metadata=metadata)
    return configuration
