"""What people see while they wait."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.cli import progress


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1500, "1.5 kB"),
        (250_000_000, "250 MB"),
        (3_200_000_000, "3.2 GB"),
    ],
)
def test_sizes(count, text):
    assert progress.size(count) == text


@given(st.integers(min_value=0))
def test_every_size_has_a_unit(count):
    assert progress.size(count).split()[1] in ("bytes", "kB", "MB", "GB")


def test_lines_say_each_stage_and_each_new_message_once(capsys):
    said = progress.Lines()
    said.begin("hashing model churn", 1500)
    said.advance(1500)
    said.end()
    for message in ("building", "building", "", "starting"):
        said.progress({"progress": {"fraction": None, "message": message}})
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["hashing model churn (1.5 kB)", "building", "starting"]


def test_without_a_terminal_there_are_lines_and_when_quiet_nothing(capsys):
    assert isinstance(progress.reporter(quiet=False), progress.Lines)
    silence = progress.reporter(quiet=True)
    silence.begin("x", 1)
    silence.progress({"progress": {"message": "y"}})
    assert capsys.readouterr().err == ""


def test_bars_count_bytes_and_fractions():
    bars = progress.Bars()
    bars.begin("uploading", 100)
    bars.advance(40)
    bars.advance(60)
    assert bars._bars.tasks[0].completed == 100
    bars.end()
    bars.progress({"progress": {"fraction": 0.5, "message": "half"}})
    bars.progress({"progress": {"fraction": None, "message": "unknown"}})
    assert [task.description for task in bars._bars.tasks] == ["unknown"]
    bars.close()


def test_lines_of_output_are_told_with_their_source_and_cannot_move_the_cursor(capsys):
    said = progress.Lines()
    lines = [
        {"source": "environment", "text": "Installed 3 packages"},
        {"source": "instance 0", "text": "\x1b[2Jgone"},
        {"source": "environment", "text": "It failed.\nCaused by: no network"},
    ]
    said.progress({"lines": lines, "progress": {"message": "building"}})
    assert capsys.readouterr().err.splitlines() == [
        "[environment] Installed 3 packages",
        "[instance 0] \ufffd[2Jgone",
        "[environment] It failed.",
        "[environment] Caused by: no network",
        "building",
    ]
