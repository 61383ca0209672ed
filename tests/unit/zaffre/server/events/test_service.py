import datetime as dt

from zaffre.contracts import events as catalogue
from zaffre.core import clock
from zaffre.server import events
from zaffre.server.access import callers


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
