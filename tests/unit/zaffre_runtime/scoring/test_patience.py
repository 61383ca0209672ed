"""Who waits how long for a turn, and what an answer looks like behind a managed endpoint."""

import json
import types

import pytest

from zaffre_runtime.scoring import answers, config, patience

NOW = 1000.0


@pytest.fixture(autouse=True)
def standing_clock(monkeypatch):
    """However long a test takes, no time passes but what it says."""
    monkeypatch.setattr(patience, "time", types.SimpleNamespace(monotonic=lambda: NOW))


class Waiting:
    """As much of an exchange as the queue touches."""

    def __init__(self, arrived, request_id="", attempt=1):
        self.arrived = arrived
        self.request_id = request_id
        self.given = []
        self._attempt = attempt

    def header(self, name):
        return str(self._attempt) if name == "x-envoy-attempt-count" else None

    def answer(self, answer):
        self.given.append(answer)
        return len(self.given) == 1

    @property
    def statuses(self):
        return [answer.status for answer in self.given]


@pytest.fixture
def queue():
    """A queue whose process started long ago, and a way to put in who has waited for so many seconds."""
    settings = config.Config(request_timeout_ms=5000, max_queue_wait_ms=500, managed=True)
    waiting = patience.Patience(settings)
    waiting._held_until = 0.0

    def enter(*waited_s):
        found = [Waiting(NOW - waited) for waited in waited_s]
        for one in found:
            waiting.begin(one)
        return found

    return waiting, enter


def test_who_waited_too_long_is_not_scored(queue):
    waiting, enter = queue
    late, later, fresh = batch = enter(6, 0.6, 0.1)
    assert waiting.turn(batch) == [fresh]
    assert (late.statuses, later.statuses, fresh.statuses) == ([408], [429], [])
    assert ("retry-after", "1") in later.given[0].headers
    assert (answers.ELSEWHERE, "1") not in later.given[0].headers


def test_behind_a_long_call_the_watch_says_so_in_time_and_the_router_may_try_elsewhere(queue):
    waiting, enter = queue
    batch = enter(0.6, 0.1)
    waiting.expire(NOW, NOW - 1)
    assert [one.statuses for one in batch] == [[429], []]
    assert (answers.ELSEWHERE, "1") in batch[0].given[0].headers
    assert (answers.ERROR_REASON, "too_many_pending_request") in batch[0].given[0].headers
    assert waiting.turn(batch) == [batch[1]]
    waiting.expire(NOW + 60, NOW + 59)
    assert batch[1].statuses == []


def test_who_comes_back_has_waited_enough_and_is_sent_away_at_once(queue):
    waiting, enter = queue
    (first,) = enter(0.6)
    first.request_id = "mine"
    waiting.expire(NOW, NOW - 1)
    again, other, namesake = (
        Waiting(NOW - 0.01, "mine", 2),
        Waiting(NOW - 0.01, "theirs", 2),
        Waiting(NOW, "mine"),
    )
    for one in (again, other, namesake):
        waiting.begin(one)
    waiting.expire(NOW, NOW - 1)
    assert [one.statuses for one in (again, other, namesake)] == [[429], [], []]
    assert (answers.ELSEWHERE, "1") in again.given[0].headers


def test_who_was_held_while_the_process_came_back_has_the_whole_time(queue):
    waiting, enter = queue
    waiting._held_until = NOW - 0.5
    batch = enter(0.8, 0.8)
    waiting.expire(NOW, NOW - 1)
    assert waiting.turn(batch) == batch
    assert waiting.turn(enter(6)) == []


def test_behind_a_call_that_may_never_end_half_of_the_time_is_left_for_another_replica(queue):
    waiting, enter = queue
    waiting._held_until = NOW
    batch = enter(2.6, 2.6)
    waiting.expire(NOW, NOW - 2.4)
    assert [one.statuses for one in batch] == [[], []]
    waiting.expire(NOW, NOW - 2.6)
    assert [one.statuses for one in batch] == [[429], [429]]
    assert all((answers.ELSEWHERE, "1") in one.given[0].headers for one in batch)


def test_a_process_that_stood_still_lets_nobody_pay_for_it(queue):
    waiting, enter = queue
    batch = enter(0.8)
    waiting._ticked = NOW - 0.8
    assert waiting.turn(batch) == batch
    batch = enter(0.8)
    waiting._ticked = NOW - 0.8
    waiting.tick(NOW)
    waiting.expire(NOW, NOW - 1)
    assert waiting.turn(batch) == batch
    waiting._held_until = 0.0
    assert waiting.turn(enter(0.6)) == []


def test_without_a_limit_only_the_timeout_counts():
    waiting = patience.Patience(config.Config(request_timeout_ms=1000))
    batch = [Waiting(NOW - 0.9), Waiting(NOW - 0.9)]
    for one in batch:
        waiting.begin(one)
    waiting.expire(NOW + 60, NOW + 59)
    assert waiting.turn(batch) == batch


def test_a_limit_of_nothing_lets_in_who_comes_as_another_leaves():
    waiting = patience.Patience(config.Config(max_queue_wait_ms=0))
    one = Waiting(NOW)
    waiting.begin(one)
    assert waiting.turn([one]) == [one]


def test_a_models_own_status_is_told_beside_424():
    answer = answers.Answer(
        503, b"busy", "text/plain", True, 1.5, [("X-Mine", "1"), ("MS-AzureML-Model-Error-Reason", "forged")]
    )
    seen = answers.seen_from_outside(answer)
    assert (seen.status, seen.body, seen.content_type, seen.failed, seen.exec_ms) == (
        424, b"busy", "text/plain", True, 1.5,
    )  # fmt: skip
    assert seen.headers == [
        ("X-Mine", "1"),
        (answers.ERROR_STATUS, "503"),
        (answers.ERROR_REASON, "model_error"),
    ]


def test_what_never_reached_the_model_keeps_its_status():
    refused = answers.refusal(400, "no JSON")
    assert answers.seen_from_outside(refused) is refused
    assert json.loads(refused.body) == {"message": "no JSON"}
