"""Pieces of work that share a transaction, and rows that are written last."""

import pytest
import sqlalchemy as sa

from zaffre.core import errors
from zaffre.server import db
from zaffre.server.access import store
from zaffre.server.events import store as outbox

READ = sa.select(store.workspaces.c.name).order_by(store.workspaces.c.name)


def names(database):
    with database.read() as uow:
        return list(uow.connection.execute(READ).scalars())


def making(name):
    from zaffre.core import clock

    row = {"name": name, "resource_group": "r", "subscription": "s", "body": {"a": ["é", 1.5, None]}}
    stamps = {"created_at": clock.now(), "created_by": "ann", "modified_at": clock.now()}

    def piece(uow):
        store.insert_workspace(uow, {**row, **stamps})
        return name

    return piece


def refuse(_uow):
    raise errors.Invalid("no")


def test_pieces_share_one_transaction(database):
    begun = []
    sa.event.listen(database.engine, "begin", begun.append)
    outcomes = database.together([making("a"), making("b"), making("c")])
    assert [outcome.value for outcome in outcomes] == ["a", "b", "c"]
    assert len(begun) == 1
    assert names(database) == ["a", "b", "c"]


def test_a_piece_that_fails_undoes_no_other(database):
    outcomes = database.together([making("a"), refuse, making("b"), making("b")])
    assert [outcome.value for outcome in outcomes] == ["a", None, "b", None]
    assert isinstance(outcomes[1].error, errors.Invalid)
    assert isinstance(outcomes[3].error, sa.exc.IntegrityError)
    assert names(database) == ["a", "b"]


def test_a_key_that_somebody_took_at_that_moment_is_looked_at_once_more(database):
    keys = iter(["taken", "free"])

    def piece(uow):
        return making(next(keys))(uow)

    database.together([making("taken")])
    (outcome,) = database.together([piece])
    assert outcome == db.Outcome(value="free")
    assert names(database) == ["free", "taken"]


def test_listeners_hear_of_a_group_once_it_is_durable(database):
    heard = []
    database.listen("things", lambda: heard.append(names(database)))

    def touching(uow):
        uow.touch("things")
        return making("a")(uow)

    database.together([touching, making("b")])
    assert heard == [["a", "b"]]


def test_what_is_written_later_is_there_when_asked_for_and_at_the_end(database, event_row):
    with database.write() as uow:
        outbox.insert(uow, event_row("1"))
        assert uow.ahead.execute(sa.select(outbox.events)).all() == []
        assert len(uow.connection.execute(sa.select(outbox.events)).all()) == 1
        outbox.insert(uow, event_row("2"))
        outbox.insert(uow, event_row("3"))
    with database.read() as uow:
        rows = uow.connection.execute(sa.select(outbox.events).order_by(outbox.events.c.seq)).all()
    assert [row.id for row in rows] == ["1", "2", "3"]
    assert rows[0].data == {"text": 'ünï \\ "', "none": None, "number": 2**53, "deep": [{"a": 1.5}]}
    assert rows[0].time == event_row("1")["time"]


def fail_inside(uow, row):
    with uow.savepoint():
        outbox.insert(uow, row)
        refuse(uow)


def test_what_was_written_later_goes_with_its_savepoint(database, event_row):
    with database.write() as uow:
        outbox.insert(uow, event_row("1"))
        with pytest.raises(errors.Invalid):
            fail_inside(uow, event_row("2"))
        with uow.savepoint():
            outbox.insert(uow, event_row("3"))
    with database.read() as uow:
        assert list(uow.connection.execute(sa.select(outbox.events.c.id)).scalars()) == ["1", "3"]


def test_a_row_that_does_not_fit_is_invalid_also_when_it_is_written_later(database, event_row):
    if database.is_sqlite:
        pytest.skip("SQLite has no widths")
    with pytest.raises(errors.Invalid, match="does not fit"), database.write() as uow:
        outbox.insert(uow, {**event_row("1"), "type": "x" * 100})


@pytest.fixture
def event_row():
    from zaffre.core import clock

    now = clock.now()

    def row(name):
        data = {"text": 'ünï \\ "', "none": None, "number": 2**53, "deep": [{"a": 1.5}]}
        texts = {"type": "T", "workspace": "w", "subject": "s", "actor": "a", "reason": "", "request_id": "r"}
        return {"id": name, "time": now, "data": data, **texts}

    return row
