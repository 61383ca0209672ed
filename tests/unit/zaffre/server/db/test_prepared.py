"""Statements that go to the driver, or to PostgreSQL's library, without SQLAlchemy on the way."""

import datetime as dt
import threading
import time

import psycopg
import pytest
import sqlalchemy as sa

from zaffre.core import errors
from zaffre.server import db
from zaffre.server.access import store
from zaffre.server.db import libpq
from zaffre.server.registry.versioning import tables

NOON = dt.datetime(2030, 1, 2, 12, 0, 0, 123456, tzinfo=dt.UTC)
WORKSPACE = {
    "name": "wörk'space", "resource_group": "", "subscription": "s\\n\n%s", "created_by": "ann",
    "body": {"a": ["é", 1.5, None, True, 2**60], "b": {}}, "created_at": NOON, "modified_at": NOON,
}  # fmt: skip
ASSET = {
    "workspace": "w", "kind": "models", "name": "m", "counter": 3, "archived": True, "newest_id": 2**62,
    "latest_id": None, "latest_version": None,
}  # fmt: skip
ALL = sa.select(store.workspaces).where(store.workspaces.c.name == sa.bindparam("wanted"))
LOCKED = db.Prepared(ALL.with_for_update())
PLAIN = db.Prepared(ALL)


def is_in_transaction(uow):
    status = uow.connection.connection.driver_connection.pgconn.transaction_status
    return status != psycopg.pq.TransactionStatus.IDLE


def fill(database):
    with database.write() as uow:
        store.insert_workspace(uow, WORKSPACE)
        uow.connection.execute(tables.assets.insert().values(**ASSET))


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        (ALL, {"wanted": WORKSPACE["name"]}),
        (ALL, {"wanted": "none"}),
        (
            sa.select(tables.assets).where(tables.assets.c.archived == sa.bindparam("is_archived")),
            {"is_archived": True},
        ),
        (sa.select(tables.assets.c.counter, (tables.assets.c.counter + 1).label("next")), {}),
    ],
)
def test_rows_are_those_that_sqlalchemy_gives(database, statement, values):
    fill(database)
    prepared = db.Prepared(statement)
    with database.read() as uow:
        expected = uow.connection.execute(statement, values).all()
        found = prepared.run(uow.connection, values)
        assert [tuple(row) for row in found] == [tuple(row) for row in expected]
        assert [row._fields for row in found] == [row._fields for row in expected]


def test_any_number_of_values_is_one_statement(database):
    names = ["a", 'quo"te', "co,ma", "{br}", "é\\", ""]
    with database.write() as uow:
        for name in names:
            store.insert_workspace(uow, {**WORKSPACE, "name": name})
    query = sa.select(store.workspaces.c.name)
    by_name = db.Prepared(lambda dialect: query.where(db.among(store.workspaces.c.name, "names", dialect)))
    for wanted in (names, names[:1], [], ["none"]):
        with database.read() as uow:
            found = by_name.run(uow.connection, {"names": db.listed(wanted)})
        assert sorted(row.name for row in found) == sorted(set(wanted) & set(names))


def test_a_statement_stays_prepared_when_what_it_was_part_of_is_undone(database):
    fill(database)

    def undo_inside(uow):
        with uow.savepoint():
            LOCKED.run(uow.connection, {"wanted": WORKSPACE["name"]})
            raise ValueError("no")

    def break_off():
        with database.write() as uow:
            assert PLAIN.run(uow.connection, {"wanted": WORKSPACE["name"]})
            with pytest.raises(ValueError):
                undo_inside(uow)
            assert LOCKED.run(uow.connection, {"wanted": WORKSPACE["name"]})
            raise ValueError("no")

    for _ in range(8):
        with pytest.raises(ValueError):
            break_off()
    with database.read() as uow:
        assert PLAIN.run(uow.connection, {"wanted": WORKSPACE["name"]})


def test_rows_written_by_the_library_are_undone_with_their_transaction(database):
    insert = db.Insert(store.workspaces)

    def break_off():
        with database.write() as uow:
            uow.later(insert, WORKSPACE)
            uow.flush()
            assert PLAIN.run(uow.connection, {"wanted": WORKSPACE["name"]})
            raise ValueError("no")

    with pytest.raises(ValueError):
        break_off()
    with database.read() as uow:
        assert not PLAIN.run(uow.connection, {"wanted": WORKSPACE["name"]})
    with database.write() as uow:
        uow.later(insert, WORKSPACE)
    with database.read() as uow:
        assert PLAIN.run(uow.connection, {"wanted": WORKSPACE["name"]})


def test_what_locks_begins_a_transaction_and_what_only_asks_does_not(database):
    if database.is_sqlite:
        pytest.skip("SQLite's transactions are begun by the unit of work")
    with database.read() as uow:
        PLAIN.run(uow.connection, {"wanted": "w"})
        assert not is_in_transaction(uow)
        LOCKED.run(uow.connection, {"wanted": "w"})
        assert is_in_transaction(uow)
    with database.read() as uow:
        assert not is_in_transaction(uow)


def test_who_waits_for_a_lock_holds_nobody_else_up(database):
    if database.is_sqlite:
        pytest.skip("SQLite has one writer, who waits in this process")
    fill(database)
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    found = []

    def wait():
        with database.write() as uow:
            found.extend(LOCKED.run(uow.connection, {"wanted": WORKSPACE["name"]}))

    other = threading.Thread(target=wait)
    with database.write() as uow:
        assert LOCKED.run(uow.connection, {"wanted": WORKSPACE["name"]})
        other.start()
        end = time.monotonic() + 60
        while not uow.connection.execute(waiting).scalar():
            assert time.monotonic() < end, "nobody waits"
            time.sleep(0.02)
        assert found == []
    other.join(60)
    assert [row.name for row in found] == [WORKSPACE["name"]]


def test_a_connection_keeps_only_the_newest_statements(database):
    if database.is_sqlite:
        pytest.skip("SQLite's driver does this by itself")
    many = [
        db.Prepared(sa.select(sa.literal_column(str(n), sa.Integer).label("n")))
        for n in range(libpq.KEPT + 3)
    ]
    kept = sa.text("SELECT count(*) FROM pg_prepared_statements")
    with database.read() as uow:
        for number, prepared in [*enumerate(many), *enumerate(many[:3])]:
            assert prepared.run(uow.connection, {})[0].n == number
        assert uow.connection.execute(kept).scalar() == libpq.KEPT


def test_a_text_with_nul_is_refused_and_not_cut_off(database):
    if database.is_sqlite:
        pytest.skip("SQLite compares such texts as they are")
    fill(database)
    with pytest.raises(errors.Invalid), database.read() as uow:
        PLAIN.run(uow.connection, {"wanted": WORKSPACE["name"] + "\0x"})


def test_a_connection_that_was_ended_is_said_to_be_and_replaced(database):
    if database.is_sqlite:
        pytest.skip("SQLite has no connection to lose")
    fill(database)
    with database.read() as uow:
        PLAIN.run(uow.connection, {"wanted": "w"})
    with psycopg.connect(database.url.render_as_string(hide_password=False), autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    with pytest.raises(errors.Unavailable), database.read() as uow:
        PLAIN.run(uow.connection, {"wanted": "w"})
    with database.read() as uow:
        assert PLAIN.run(uow.connection, {"wanted": WORKSPACE["name"]})


def test_what_the_database_refuses_is_the_error_of_the_driver(database):
    insert = db.Insert(store.workspaces)
    with database.write() as uow:
        uow.later(insert, WORKSPACE)

    def again():
        with database.write() as uow:
            uow.later(insert, WORKSPACE)

    kind = "IntegrityError" if database.is_sqlite else "UniqueViolation"
    with pytest.raises(Exception) as caught:  # each driver has a class of its own
        again()
    assert type(caught.value).__name__ == kind
