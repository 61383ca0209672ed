"""Logs keep the first and the newest output within their cap, also when the disk is full."""

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zaffre_runtime.shim import logs


def total(folder):
    return sum(path.stat().st_size for path in folder.iterdir())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=5000), max_size=60))
def test_the_cap_holds_and_the_ends_survive(tmp_path_factory, chunks):
    folder = tmp_path_factory.mktemp("log")
    writer = logs.LogWriter(str(folder), max_bytes=16 << 10)
    for chunk in chunks:
        writer.write(chunk)
    assert total(folder) <= 16 << 10
    every = b"".join(chunks)
    numbers = logs.segment_numbers(str(folder))
    if numbers:
        first = (folder / "000001.log").read_bytes()
        last = (folder / f"{numbers[-1]:06d}.log").read_bytes()
        assert every.startswith(first)
        assert every.endswith(last)


def test_small_output_is_kept_whole(tmp_path):
    writer = logs.LogWriter(str(tmp_path), max_bytes=1 << 20)
    for number in range(1000):
        writer.write(b"line %d\n" % number)
    text = logs.read_tail(str(tmp_path), None)
    assert text == "".join(f"line {number}\n" for number in range(1000))
    assert logs.read_tail(str(tmp_path), 2) == "line 998\nline 999\n"


def test_lines_are_whole_across_segments(tmp_path):
    writer = logs.LogWriter(str(tmp_path), max_bytes=8 << 10)
    for number in range(400):
        writer.write(b"line %d\n" % number)
    assert len(logs.segment_numbers(str(tmp_path))) > 2
    assert logs.read_tail(str(tmp_path), 250) == "".join(f"line {number}\n" for number in range(150, 400))


def test_a_new_writer_goes_on(tmp_path):
    logs.LogWriter(str(tmp_path), max_bytes=1 << 20).write(b"one\n")
    logs.LogWriter(str(tmp_path), max_bytes=1 << 20).write(b"two\n")
    assert logs.read_tail(str(tmp_path), None) == "one\ntwo\n"


def test_the_current_start_keeps_its_head(tmp_path):
    writer = logs.LogWriter(str(tmp_path), max_bytes=8 << 10)
    writer.write(b"old\n" * 1000)
    writer.begin_attempt()
    writer.write(b"first line of the new start\n")
    writer.write(b"x\n" * 10_000)
    assert "first line of the new start\n" in logs.read_tail(str(tmp_path), None)


def test_last_lines_are_those_of_the_process(tmp_path):
    writer = logs.LogWriter(str(tmp_path), max_bytes=1 << 20)
    writer.write(b"before\n")
    writer.begin_attempt()
    writer.write(b"Trace")
    writer.write(b"back\nlast without newline \xff")
    writer.note("exited with code 1")
    assert writer.last_lines()[0] == "Traceback"
    assert writer.last_lines()[1].startswith("last without newline \N{REPLACEMENT CHARACTER}")
    assert "before" not in writer.last_lines()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_loses_output_and_says_how_much(tmp_path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], check=True)
    writer = logs.LogWriter(str(tmp_path), max_bytes=1 << 20)
    try:
        (tmp_path / "ballast").write_bytes(b"x" * 40_000)
        for _ in range(20):
            writer.write(b"y" * 4096)
        assert writer.dropped_bytes > 0
        (tmp_path / "ballast").unlink()
        writer.write(b"after\n")
        text = logs.read_tail(str(tmp_path), None)
        assert text.endswith("after\n")
        assert f"{writer.dropped_bytes} bytes of output were lost" in text
    finally:
        writer.close()
        subprocess.run(["umount", str(tmp_path)], check=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="ab\n", min_size=1, max_size=700), max_size=40), st.integers(200, 5000))
def test_following_tells_every_line_once_whatever_the_pieces(tmp_path_factory, chunks, size):
    folder = str(tmp_path_factory.mktemp("log"))
    writer = logs.LogWriter(folder, max_bytes=1 << 20, segments=64)
    told, place = [], (0, 0)
    for chunk in chunks:
        writer.write(chunk.encode())
        text, place = logs.read_since(folder, place, size)
        assert not text or text.endswith("\n") or len(text) >= size or place[1] < len(text)
        told.append(text)
    writer.write(b"\n")
    while (step := logs.read_since(folder, place, size)) != ("", place):
        told.append(step[0])
        place = step[1]
    assert "".join(told) == "".join(chunks) + "\n"
    assert place == logs.end_of(folder)


def test_following_goes_on_behind_a_gap(tmp_path):
    writer = logs.LogWriter(str(tmp_path), max_bytes=8 << 10, segments=4)
    writer.write(b"first\n")
    text, place = logs.read_since(str(tmp_path), (0, 0))
    assert text == "first\n"
    for number in range(4000):
        writer.write(b"line %d\n" % number)
    text, place = logs.read_since(str(tmp_path), place, 1 << 20)
    assert text.endswith("line 3999\n")
    assert logs.read_since(str(tmp_path), place) == ("", place)
    assert logs.read_since(str(tmp_path / "none"), (0, 0)) == ("", (0, 0))
