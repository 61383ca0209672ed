"""What processes tell each other of requests that they died at: files in one folder, without processes that really die."""

import os

import pytest

from zaffre_runtime.scoring import begun


class One:
    def __init__(self, request_id, body=b"1"):
        self.request_id = request_id
        self.body = body


def died_at(folder, *ids):
    """A process that ended in a call of these requests."""
    process = begun.Begun(str(folder))
    process.note([One(text) for text in ids])
    os.close(process._file)


def test_only_who_was_under_way_at_a_death_is_counted(tmp_path):
    living = begun.Begun(str(tmp_path))
    living.note([One("mine")])
    died_at(tmp_path, "deadly", "beside")
    died_at(tmp_path, "deadly")
    ended_idle = begun.Begun(str(tmp_path))
    ended_idle.note([One("done"), One("deadly")])
    ended_idle.clear()
    assert [living.deaths(One(text)) for text in ("deadly", "beside", "done", "mine", "dead")] == [
        2,
        1,
        0,
        0,
        0,
    ]


def test_another_request_with_the_same_id_is_another(tmp_path):
    died_at(tmp_path, "one-for-all")
    living = begun.Begun(str(tmp_path))
    bodies = (b"1", b"2", b"11", b"", b"1" * 600)
    assert [living.deaths(One("one-for-all", body)) for body in bodies] == [1, 0, 0, 0, 0]


def test_long_bodies_are_told_apart_by_their_beginning_and_their_length(tmp_path):
    died = begun.Begun(str(tmp_path))
    died.note([One("same", b"1" * 100_000)])
    living = begun.Begun(str(tmp_path))
    others = (b"1" * 100_000, b"1" * 100_001, b"2" + b"1" * 99_999)
    assert [living.deaths(One("same", body)) for body in others] == [1, 0, 0]


def test_a_shorter_note_leaves_nothing_of_a_longer_one(tmp_path):
    died = begun.Begun(str(tmp_path))
    died.note([One("a" * 50), One("b" * 50)])
    died.note([One("c")])
    living = begun.Begun(str(tmp_path))
    assert [living.deaths(One(text)) for text in ("a" * 50, "b" * 50, "c")] == [0, 0, 1]


def test_more_than_fits_is_cut_off(tmp_path):
    died_at(tmp_path, *(f"{number:0100}" for number in range(500)))
    living = begun.Begun(str(tmp_path))
    assert (living.deaths(One(f"{0:0100}")), living.deaths(One(f"{499:0100}"))) == (1, 0)


def test_what_the_dead_left_is_kept_for_a_while_and_then_forgotten(tmp_path, monkeypatch):
    died_at(tmp_path, "deadly")
    next(iter(tmp_path.iterdir())).touch()
    assert begun.Begun(str(tmp_path)).deaths(One("deadly")) == 1
    assert begun.Begun(str(tmp_path)).deaths(One("deadly")) == 1
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    assert begun.Begun(str(tmp_path)).deaths(One("deadly")) == 0


def test_who_is_read_while_others_start_is_neither_missed_nor_counted_twice(tmp_path):
    died_at(tmp_path, "deadly")
    living = begun.Begun(str(tmp_path))
    names = {path.name for path in tmp_path.iterdir()}
    starting = begun.Begun(str(tmp_path))
    assert names < {path.name for path in tmp_path.iterdir()}  # nothing that was there has another name
    assert living.deaths(One("deadly")) == starting.deaths(One("deadly")) == 1


def test_a_living_process_keeps_its_file_however_old_that_is(tmp_path):
    living = begun.Begun(str(tmp_path))
    living.note([One("mine")])
    for path in tmp_path.iterdir():
        os.utime(path, (0, 0))
    other = begun.Begun(str(tmp_path))
    assert other.deaths(One("mine")) == 1


def test_without_a_folder_that_can_be_used_nothing_is_known(tmp_path, capsys):
    assert begun.opened(None) is None
    assert begun.opened(str(tmp_path / "missing")) is None
    assert "are not told from others" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("headers", "expected"), [({}, False), ({begun.ATTEMPT: "1"}, False), ({begun.ATTEMPT: "2"}, True)]
)
def test_only_a_repeated_request_is_looked_up(headers, expected):
    assert begun.tried_before(headers) is expected
