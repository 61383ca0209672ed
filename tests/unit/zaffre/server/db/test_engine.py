import threading

import pytest
import sqlalchemy as sa

from zaffre.core import errors
from zaffre.server import db
from zaffre.server.leases import service as leases


def names(uow):
    return [row[0] for row in uow.connection.execute(sa.text("SELECT name FROM leases ORDER BY name"))]


def test_a_write_is_seen_by_the_next_read(database):
    with database.write() as uow:
        assert leases.take(uow, "a", "me")
    with database.read() as uow:
        assert names(uow) == ["a"]


def test_a_block_that_raises_leaves_nothing_and_wakes_nobody(database):
    woken = []
    database.listen("topic", lambda: woken.append(1))

    def fail():
        with database.write() as uow:
            uow.touch("topic")
            leases.take(uow, "a", "me")
            raise ValueError("no")

    with pytest.raises(ValueError):
        fail()
    with database.read() as uow:
        assert names(uow) == []
    assert woken == []


def test_listeners_are_woken_after_the_commit(database):
    seen = []

    def look():
        with database.read() as uow:
            seen.append(names(uow))

    database.listen("topic", look)
    with database.write() as uow:
        leases.take(uow, "a", "me")
        uow.touch("topic")
        assert seen == []
    assert seen == [["a"]]


def test_a_lease_has_one_winner_among_threads(database):
    start, won = threading.Barrier(6), []

    def run(holder):
        start.wait()
        with database.write() as uow:
            if leases.take(uow, "x", holder):
                won.append(holder)

    threads = [threading.Thread(target=run, args=(f"h{i}",)) for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1


def test_a_second_server_on_one_sqlite_file_is_refused(tmp_path):
    first = db.Database(f"sqlite:///{tmp_path}/x.db")
    with pytest.raises(errors.Conflict, match="Another server"):
        db.Database(f"sqlite:///{tmp_path}/x.db")
    first.close()
    db.Database(f"sqlite:///{tmp_path}/x.db").close()


def test_an_unknown_kind_of_database_is_refused():
    with pytest.raises(errors.Invalid, match="mysql"):
        db.Database("mysql://x/y")


def test_a_database_that_is_down_is_unavailable_and_its_password_stays_hidden():
    closed = db.Database("postgresql://u:hush@127.0.0.1:1/x")
    with pytest.raises(errors.Unavailable) as caught, closed.read():
        pass
    assert "hush" not in str(caught.value)


def test_the_sqlite_file_is_for_its_owner_only(tmp_path):
    opened = db.Database(f"sqlite:///{tmp_path}/x.db")
    with opened.read():
        pass
    assert (tmp_path / "x.db").stat().st_mode & 0o777 == 0o600
    opened.close()
