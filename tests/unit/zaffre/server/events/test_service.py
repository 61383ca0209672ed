import datetime as dt

import pytest
import sqlalchemy as sa

from zaffre.contracts import events as catalogue
from zaffre.core import clock
from zaffre.server import events
from zaffre.server.access import callers
from zaffre.server.events import store


def append(database, name="n", actor="ann"):
    caller = callers.Caller(name=actor, reason="because", request_id="q1")
    with database.write() as uow:
        events.append(
            uow, caller, catalogue.TokenCreated(token_id="t1", name=name), workspace="w", subject="tokens/t1"
        )


def test_a_fact_reaches_every_subscriber_once_with_its_cause(database):
    append(database)
    heard = []
    subscribers = {
        "a": lambda uow, es: heard.extend(("a", e) for e in es),
        "b": lambda uow, es: heard.extend(("b", e) for e in es),
    }
    assert events.relay(database, subscribers) == 1
    assert events.relay(database, subscribers) == 0
    assert [name for name, _ in heard] == ["a", "b"]
    told = heard[0][1]
    assert (told.type, told.actor, told.reason, told.request_id) == ("TokenCreated", "ann", "because", "q1")
    assert told.data == {"token_id": "t1", "name": "n", "grants": []}


def test_facts_arrive_in_the_order_of_writing(database):
    for i in range(25):
        append(database, name=str(i))
    heard = []
    while events.relay(database, {"a": lambda uow, es: heard.extend(e.data["name"] for e in es)}, limit=7):
        pass
    assert heard == [str(i) for i in range(25)]


def test_a_failing_subscriber_is_tried_again_and_holds_nobody_up(database, monkeypatch):
    append(database)
    heard, fails = [], [True]

    def moody(uow, event):
        if fails:
            raise RuntimeError("not today")
        heard.append("moody")

    subscribers = {"moody": moody, "calm": lambda uow, e: heard.append("calm")}
    events.relay(database, subscribers)
    assert heard == ["calm"]
    due = events.next_retry(database)
    assert due is not None
    fails.clear()
    monkeypatch.setattr(clock, "now", lambda: due + dt.timedelta(seconds=1))
    events.relay(database, subscribers)
    assert heard == ["calm", "moody"]
    assert events.next_retry(database) is None


def test_a_rolled_back_change_leaves_no_fact(database):
    try:
        with database.write() as uow:
            event = catalogue.TokenCreated(token_id="t1", name="n")
            events.append(uow, callers.system("x"), event, workspace="", subject="tokens/t1")
            raise KeyError
    except KeyError:
        pass
    assert events.relay(database, {}) == 0


def test_what_nobody_was_told_of_is_found_by_its_index_and_not_among_all_that_ever_happened(database):
    if not database.is_sqlite:
        pytest.skip("PostgreSQL rightly reads an empty table without an index")
    asked = []
    sa.event.listen(database.engine, "connect", lambda driver, _: driver.set_trace_callback(asked.append))
    database.engine.dispose()  # connections from now on are listened to
    append(database)
    with database.read() as uow:
        assert events.backlog(uow)[0] == 1
    assert events.relay(database, {}) == 1
    questions = [text for text in asked if "WHERE events.pending" in text]
    assert len(questions) == 2
    with database.read() as uow:
        for text in questions:
            plan = uow.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
            assert any("ix_events_pending" in row.detail for row in plan), (text, plan)


def test_two_relays_take_different_events(database):
    if database.is_sqlite:
        pytest.skip("SQLite has one writer")
    for number in range(3):
        append(database, name=str(number))
    with database.write() as one, database.write() as other:
        taken = [store.take_pending(uow, 2) for uow in (one, other)]
    assert [[row.data["name"] for row in rows] for rows in taken] == [["0", "1"], ["2"]]
    assert events.relay(database, {}) == 0


def test_events_that_were_taken_are_pending_again_when_the_relay_ends_before_its_commit(database):
    append(database)

    def fail():
        with database.write() as uow:
            assert store.take_pending(uow, 10)
            raise ValueError("no")

    with pytest.raises(ValueError):
        fail()
    heard = []
    assert events.relay(database, {"a": lambda uow, told: heard.extend(told)}) == 1
    assert len(heard) == 1


def test_ids_of_events_sort_by_time(database):
    for number in range(5):
        append(database, name=str(number))
    heard = []
    events.relay(database, {"a": lambda uow, told: heard.extend(told)})
    ids = [event.id for event in heard]
    assert ids == sorted(ids)
    assert {len(each) for each in ids} == {32}
