import alembic.autogenerate
import alembic.migration
import pytest
import sqlalchemy as sa

from zaffre.core import errors
from zaffre.server import db
from zaffre.server.app import tables
from zaffre.server.db import schema


@pytest.fixture
def migrated(database_url):
    opened = db.Database(database_url)
    schema.migrate(opened, tables.metadata())
    yield opened
    opened.close()


def test_the_migrations_make_exactly_the_tables_that_the_stores_declare(migrated):
    with migrated.write() as uow:
        context = alembic.migration.MigrationContext.configure(uow.connection)
        assert alembic.autogenerate.compare_metadata(context, tables.metadata()) == []


def test_migrating_twice_changes_nothing(migrated):
    before, after = schema.migrate(migrated, tables.metadata())
    assert before == after is not None


def test_a_database_of_a_newer_version_is_refused(migrated):
    with migrated.write() as uow:
        uow.connection.execute(sa.text("UPDATE alembic_version SET version_num = 'zzzz'"))
    with pytest.raises(errors.Unsupported, match="does not know"):
        schema.migrate(migrated, tables.metadata())
