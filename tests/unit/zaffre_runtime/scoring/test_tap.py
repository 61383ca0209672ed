"""The tap gives on what it is offered, and neither a slow nor a failing sink is felt by whoever scores."""

import threading

import pytest

from zaffre.testing import waiting
from zaffre_runtime.scoring import answers, config, dataplane, tap


class Asked:
    request_id = "r"
    arrived = 0.0

    def __init__(self, body=b"in"):
        self.body = body
        self.given = []

    def answer(self, answer):
        self.given.append(answer)
        return True


def test_rows_arrive_in_order():
    found = []
    one = tap.Tap(found.extend)
    for number in range(200):
        one.offer(Asked(b"%d" % number), answers.Answer(200, b"out"))
    one.close()
    assert [row.body for row in found] == [b"%d" % number for number in range(200)]
    assert (found[0].request_id, found[0].status, found[0].answer) == ("r", 200, b"out")
    assert (one.dropped, one.lost) == (0, 0)


def test_a_sink_that_hangs_makes_nobody_wait():
    stuck, found = threading.Event(), []
    one = tap.Tap(lambda rows: (stuck.wait(), found.extend(rows)), most=8)
    for _ in range(100):
        one.offer(Asked(), answers.Answer(200, b"out"))
    assert one.dropped >= 100 - 8 - tap.TOGETHER
    stuck.set()
    one.close()
    assert len(found) + one.dropped == 100


def test_large_rows_are_dropped_before_they_fill_the_memory():
    stuck, found = threading.Event(), []
    one = tap.Tap(lambda rows: (stuck.wait(), found.extend(rows)), most_bytes=1000)
    for _ in range(10):
        one.offer(Asked(b"x" * 300), answers.Answer(200, b"y" * 100))
    assert one.dropped == 8
    stuck.set()
    one.close()
    assert len(found) == 2
    one = tap.Tap(found.extend, most_bytes=1000)  # what was given on makes room
    for _ in range(17):
        one.offer(Asked(b"x" * 900), answers.Answer(200, b""))
        waiting.until(lambda: one._bytes_given == one._bytes_taken, every_s=0.001)
    one.close()
    assert (one.dropped, len(found)) == (0, 19)


def test_a_sink_that_hangs_is_felt_by_no_request():
    class Scorer:
        most = 8

        def score(self, exchanges):
            return [answers.Answer(200, asked.body * 2) for asked in exchanges]

    stuck, found = threading.Event(), []
    one = tap.Tap(lambda rows: (stuck.wait(), found.extend(rows)), most=8)
    plane = dataplane.DataPlane(Scorer(), config.Config(port=1), collects=one)
    scoring = threading.Thread(target=plane.serve)
    scoring.start()
    asked = [Asked(b"%d" % number) for number in range(500)]
    for each in asked:
        assert plane.submit(each)
    plane.all_arrived()
    plane.stop()
    scoring.join(timeout=120)
    assert not scoring.is_alive()
    assert not stuck.is_set()  # and the sink still has its first rows in hand
    assert [each.given[0].body for each in asked] == [each.body * 2 for each in asked]
    stuck.set()
    one.close()
    assert one.dropped > 0
    assert len(found) + one.dropped == 500


def test_a_sink_that_fails_is_asked_again(capfd):
    given = []

    def sink(rows):
        given.append(len(rows))
        raise OSError("full")

    one = tap.Tap(sink)
    one.offer(Asked(), answers.Answer(200, b"out"))
    one.close()
    assert (sum(given), one.lost) == (1, 1)
    assert "full" in capfd.readouterr().err


@pytest.mark.parametrize("on", [True, False])
def test_the_data_plane_hands_over_what_was_answered(on):
    class Scorer:
        most = 8

        def score(self, exchanges):
            return [answers.Answer(200, asked.body * 2) for asked in exchanges]

    found = []
    one = tap.Tap(found.extend) if on else None
    plane = dataplane.DataPlane(Scorer(), config.Config(port=1), collects=one)
    asked = [Asked(b"a"), Asked(b"b")]
    for each in asked:
        plane.submit(each)
    plane.all_arrived()
    plane.stop()
    plane.serve()
    assert [each.given[0].body for each in asked] == [b"aa", b"bb"]
    if one is not None:
        one.close()
    assert [(row.body, row.answer) for row in found] == ([(b"a", b"aa"), (b"b", b"bb")] if on else [])
