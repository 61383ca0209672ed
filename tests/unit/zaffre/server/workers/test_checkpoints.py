"""SQLite's log is emptied into its file by the worker, beside whoever reads and writes."""

import sqlite3
import time

import pytest

from zaffre.server import db
from zaffre.server.app import tables
from zaffre.server.leases import service as leases
from zaffre.server.workers import checkpoints


@pytest.fixture
def opened(tmp_path):
    database = db.Database(f"sqlite:///{tmp_path}/x.db")
    with database.write() as uow:
        tables.metadata().create_all(uow.connection)
    yield database
    database.close()


def take(database, name):
    with database.write() as uow:
        assert leases.take(uow, name, "me")


def names_in_the_file_alone(path):
    """What a reader finds who knows of no log."""
    connection = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    try:
        return [row[0] for row in connection.execute("SELECT name FROM leases ORDER BY name")]
    except sqlite3.DatabaseError:
        return None  # half of a checkpoint was seen
    finally:
        connection.close()


def test_what_was_written_is_moved_while_another_writes_and_reads(opened, tmp_path):
    take(opened, "a")
    with opened.read() as reader, opened.write() as uow:
        assert reader.connection.exec_driver_sql("SELECT name FROM leases").all() == [("a",)]
        leases.take(uow, "b", "me")
        assert opened.checkpoint()
        assert names_in_the_file_alone(tmp_path / "x.db") == ["a"]
    assert opened.checkpoint()
    assert names_in_the_file_alone(tmp_path / "x.db") == ["a", "b"]


def test_nothing_is_done_when_nothing_was_written(opened):
    assert opened.checkpoint()
    assert not opened.checkpoint()
    with opened.read():
        pass
    assert not opened.checkpoint()
    take(opened, "a")
    assert opened.checkpoint()


def test_the_worker_moves_it(opened, tmp_path):
    assert opened.checkpoint()
    worker = checkpoints.build(opened)
    worker.start()
    try:
        take(opened, "a")
        end = time.monotonic() + 60
        while names_in_the_file_alone(tmp_path / "x.db") != ["a"]:
            assert time.monotonic() < end, "the log was not emptied"
            time.sleep(0.05)
    finally:
        assert worker.stop()
