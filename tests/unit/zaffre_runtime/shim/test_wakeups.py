import math
import os
import select
import signal

import pytest

from zaffre_runtime.shim import records, wakeups


@pytest.fixture
def made(tmp_path):
    opened = wakeups.Wakeups(str(tmp_path))
    yield opened
    opened.close()


def poke(folder, text):
    descriptor = os.open(folder / records.CONTROL, os.O_WRONLY | os.O_NONBLOCK)
    os.write(descriptor, text)
    os.close(descriptor)


def test_a_poke_wakes_and_the_newest_wish_to_end_counts(made, tmp_path):
    poke(tmp_path, b"look\nstop 9\nstop 2.5\n")
    ready = made.wait([], until=math.inf, at_most_s=60)
    assert made.poked(ready)
    assert made.drain_asked() == 2.5
    assert not made.poked(made.wait([], until=0, at_most_s=60))


def test_a_signal_wakes_once(made):
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        os.kill(os.getpid(), signal.SIGUSR1)
        assert made.wait([], until=math.inf, at_most_s=60)
        assert not made.wait([], until=0, at_most_s=60)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_what_is_watched_besides_is_told(made):
    reader, writer = os.pipe()
    os.write(writer, b"x")
    ready = made.wait([(reader, select.POLLIN)], until=math.inf, at_most_s=60)
    os.close(reader)
    os.close(writer)
    assert ready == {reader: select.POLLIN}
