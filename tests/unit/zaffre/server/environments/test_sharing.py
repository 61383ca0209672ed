import threading
import time

import pytest

from zaffre.server.environments import errands, sharing


class Gone(Exception):
    pass


class Asker:
    """Somebody who waits on a thread of its own until `leave`."""

    def __init__(self, shared, key, work):
        self.heard, self.answer, self.error = [], None, None
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._ask, args=(shared, key, work))
        self._thread.start()

    def _ask(self, shared, key, work):
        try:
            self.answer = shared.do(key, work, errands.Errand(self.heard.append, self._check))
        except (Gone, InterruptedError, ValueError) as error:
            self.error = error

    def _check(self):
        if self._gone.is_set():
            raise Gone

    def leave(self):
        self._gone.set()
        self.join()

    def join(self):
        self._thread.join(120)
        assert not self._thread.is_alive()


class Work:
    """Something that goes on until `finish`, or until nobody wants it."""

    def __init__(self):
        self.began = self.ended = 0
        self.finish = threading.Event()

    def __call__(self, errand):
        self.began += 1
        errand.say("begun")
        try:
            while not self.finish.wait(0.005):
                errand.check()
        finally:
            self.ended += 1
        errand.say("done")
        return "made"


def until(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


@pytest.fixture
def shared():
    made = sharing.Shared()
    yield made
    made.close()


def joined(shared, key, count):
    """Wait until so many wait for the same."""
    until(lambda: key in shared._under_way and len(shared._under_way[key].waiting) == count)


def test_it_is_done_once_and_told_to_all(shared):
    work = Work()
    first = Asker(shared, "a", work)
    joined(shared, "a", 1)
    second = Asker(shared, "a", work)
    joined(shared, "a", 2)
    work.finish.set()
    for asker in (first, second):
        asker.join()
        assert asker.answer == "made"
        assert asker.heard[-1] == "done"
    assert work.began == 1
    assert Asker(shared, "b", lambda errand: "other").join() is None


def test_it_goes_on_while_anybody_waits_and_ends_with_the_last(shared):
    work = Work()
    first = Asker(shared, "a", work)
    joined(shared, "a", 1)
    second = Asker(shared, "a", work)
    joined(shared, "a", 2)
    first.leave()
    assert isinstance(first.error, Gone)
    assert not shared._under_way["a"].unwanted.is_set()
    second.leave()
    until(lambda: work.ended)
    assert (work.began, shared._under_way) == (1, {})


def test_who_asks_for_what_is_being_ended_gets_it_anew(shared):
    held = threading.Event()

    def stubborn(errand):
        held.wait(120)
        errand.check()

    Asker(shared, "a", stubborn).leave()
    again = Asker(shared, "a", lambda errand: "anew")
    again.join()
    held.set()
    assert again.answer == "anew"


def test_an_error_is_told_to_all_and_not_remembered(shared):
    def fail(errand):
        raise ValueError("no version fits")

    for _ in range(2):
        asker = Asker(shared, "a", fail)
        asker.join()
        assert str(asker.error) == "no version fits"


def test_closing_ends_everything(shared):
    work = Work()
    asker = Asker(shared, "a", work)
    until(lambda: work.began)
    shared.close()
    asker.join()
    assert isinstance(asker.error, InterruptedError)
    assert work.ended == 1
    late = Asker(shared, "a", work)
    late.join()
    assert isinstance(late.error, InterruptedError)
