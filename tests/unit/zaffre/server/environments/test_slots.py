import threading

import pytest

from zaffre.server.environments import slots


def unexpected():
    raise AssertionError("nobody else builds")


def write(folder, _):
    (folder / "content").write_text("done")


def test_it_is_filled_once(tmp_path):
    slot = slots.Slot(tmp_path, "ab")
    assert slot.fill(write, wait=unexpected)
    assert slot.is_complete()
    assert not slot.fill(lambda folder, hold: unexpected(), wait=unexpected)
    assert (slot.path.stat().st_mode & 0o777) == 0o755


def test_what_a_crash_left_is_filled_again(tmp_path):
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab/half").write_text("x")
    slot = slots.Slot(tmp_path, "ab")
    assert not slot.is_complete()
    assert slot.fill(write, wait=unexpected)
    assert not (tmp_path / "ab/half").exists()


def test_an_error_leaves_nothing(tmp_path):
    slot = slots.Slot(tmp_path, "ab")

    def fail(folder, hold):
        write(folder, hold)
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        slot.fill(fail, wait=unexpected)
    assert not slot.path.exists()
    assert slot.fill(write, wait=unexpected)


def test_a_moved_folder_is_not_complete(tmp_path):
    slots.Slot(tmp_path / "old", "ab").fill(write, wait=unexpected)
    (tmp_path / "old").rename(tmp_path / "new")
    assert not slots.Slot(tmp_path / "new", "ab").is_complete()


def test_the_second_waits_and_shares(tmp_path):
    started, waiting = threading.Event(), threading.Event()
    filled = []

    def slow(folder, hold):
        started.set()
        assert waiting.wait(30)
        write(folder, hold)

    first = threading.Thread(
        target=lambda: filled.append(slots.Slot(tmp_path, "ab").fill(slow, wait=unexpected))
    )
    first.start()
    assert started.wait(30)
    assert not slots.Slot(tmp_path, "ab").fill(lambda folder, hold: unexpected(), wait=waiting.set)
    first.join()
    assert filled == [True]


def test_listing_use_and_removal(tmp_path):
    slot = slots.Slot(tmp_path, "ab")
    slot.fill(write, wait=unexpected)
    (tmp_path / "half").mkdir()
    assert [one.digest for one in slots.complete_in(tmp_path)] == ["ab"]
    last_used = slot.used()
    slot.touch()
    assert last_used <= slot.used()
    assert slot.remove()
    assert not slot.remove()
    assert slots.complete_in(tmp_path) == []
    assert slots.complete_in(tmp_path / "absent") == []


def test_whoever_waits_for_another_may_give_up(tmp_path):
    started, leave = threading.Event(), threading.Event()

    def slow(folder, hold):
        started.set()
        assert leave.wait(30)
        write(folder, hold)

    other = threading.Thread(target=lambda: slots.Slot(tmp_path, "ab").fill(slow, wait=unexpected))
    other.start()
    assert started.wait(30)

    def check():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        slots.Slot(tmp_path, "ab").fill(write, wait=lambda: None, check=check)
    leave.set()
    other.join(30)
    assert slots.Slot(tmp_path, "ab").is_complete()
