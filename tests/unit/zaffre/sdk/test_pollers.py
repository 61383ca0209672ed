"""Waiting for long work, and lists that come page by page."""

import pytest

from zaffre.core import errors
from zaffre.sdk import paging, pollers


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(pollers.time, "sleep", lambda _: None)


def poller(*states, heard=None):
    looks = iter(states)
    return pollers.Poller(
        {"id": "o1", "state": "Running"},
        look=lambda: {"id": "o1", **next(looks)},
        finish=lambda operation: operation.get("result", "thing"),
        progress=heard.append if heard is not None else None,
    )


def test_result_waits_for_the_end():
    heard, ended = [], []
    work = poller({"state": "Running"}, {"state": "Succeeded", "result": {"id": 1}}, heard=heard)
    work.add_done_callback(lambda done: ended.append(done.status()))
    assert work.status() == "InProgress"
    assert work.result() == {"id": 1}
    assert work.done()
    assert ended == ["Succeeded"]
    assert len(heard) == 2
    assert work.continuation_token() == "o1"


def test_a_loop_over_the_status_ends():
    work = poller({"state": "Running"}, {"state": "Running"}, {"state": "Succeeded"})
    seen = []
    while not seen or seen[-1] == "InProgress":
        seen.append(work.status())
    assert seen == ["InProgress", "InProgress", "Succeeded"]


def test_whoever_looks_hears_the_end_once_and_late_listeners_at_once():
    work, ended = poller({"state": "Running"}, {"state": "Succeeded"}), []
    gone = ended.append
    work.add_done_callback(gone)
    work.remove_done_callback(gone)
    work.add_done_callback(lambda done: ended.append(done.status()))
    assert [work.done(), work.done(), work.done()] == [False, True, True]
    assert ended == ["Succeeded"]
    work.add_done_callback(lambda _: ended.append("late"))
    assert ended == ["Succeeded", "late"]


def test_failed_work_raises_the_error_it_ended_with():
    problem = errors.to_problem(errors.Invalid("init() failed", hint="see logs"))
    work = poller({"state": "Failed", "error": problem})
    with pytest.raises(errors.Invalid, match="init") as caught:
        work.result()
    assert caught.value.hint == "see logs"
    assert work.status() == "Failed"


def test_failed_work_without_an_error_tells_its_message():
    with pytest.raises(errors.ZaffreError, match="no more disk"):
        poller({"state": "Failed", "message": "no more disk"}).wait()


def test_a_wait_ends_with_its_time():
    work = poller(*[{"state": "Running"}] * 10)
    work.wait(timeout=0)
    with pytest.raises(errors.Unavailable, match="still going on"):
        work.result(timeout=0)


def test_finished_work_asks_nobody():
    assert pollers.Poller.finished("x").result() == "x"


def test_pages_are_asked_for_one_after_the_other(served, wire):
    pages = {
        "/x?limit=200&tag=a%3Db": {"items": [1, 2], "next": "c1"},
        "/x?cursor=c1&tag=a%3Db&limit=200": {"items": [3], "next": None},
    }
    served.answer = lambda method, path, *_: (200, {}, pages[path])
    items = paging.items(wire, "/x", str, tag="a=b")
    assert next(items) == "1"
    assert len(served.requests) == 1
    assert list(items) == ["2", "3"]


def test_no_more_than_asked_for(served, wire):
    served.answer = lambda *_: (200, {}, {"items": [1, 2], "next": "more"})
    assert list(paging.items(wire, "/x", str, most=3)) == ["1", "2", "1"]
    assert len(served.requests) == 2
