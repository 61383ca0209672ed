"""The page of `zaffre --help`, which no parser of words writes."""

import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zaffre.cli import catalogue, cover, root

WIDTHS = st.integers(min_value=50, max_value=cover.WIDEST)


@given(width=WIDTHS)
def test_no_line_is_longer_than_the_terminal(width):
    assert max(map(len, cover.page("zaffre", width).splitlines())) <= width


@given(width=WIDTHS)
def test_no_word_is_lost_between_lines(width):
    shown = " ".join(cover.page("zaffre", width).split())
    for table in (catalogue.COMMANDS, catalogue.NOUNS):
        for name, (_, meaning) in table.items():
            assert f"{name} {meaning}" in shown


def test_lines_after_the_first_stand_below_it():
    lines = cover.page("zaffre", 50).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("  online-endpoint "))
    column = lines[first].index("Online")
    assert re.fullmatch(rf" {{{column}}}\S.*", lines[first + 1])


def test_every_option_of_the_root_is_told():
    told = cover.page("zaffre", 80)
    context = root.root.make_context("zaffre", ["x"], resilient_parsing=True)
    for option in root.root.get_params(context):
        assert all(name in told for name in option.opts)


def test_all_ways_to_it_show_one_page(zaffre):
    pages = {zaffre(*words)[1] for words in ([], ["-h"], ["--help"])}
    assert len(pages) == 1
    code, out, _ = zaffre("ml", "--help")
    assert code == 0
    assert out.replace("Usage: zaffre ml ", "Usage: zaffre ") in pages


@pytest.mark.parametrize(
    ("columns", "width"), [("100", 98), ("500", 118), ("10", 50), ("0", 78), ("many", 78), ("", 78)]
)
def test_it_is_as_wide_as_reads_well(monkeypatch, capsys, columns, width):
    monkeypatch.setenv("COLUMNS", columns)
    assert cover.width() == width


def test_a_reader_that_went_away_is_no_error():
    reader = subprocess.Popen([sys.executable, "-c", "pass"], stdin=subprocess.PIPE)
    reader.wait()
    with reader.stdin as pipe:
        done = subprocess.run([sys.executable, "-m", "zaffre", "--help"], stdout=pipe, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, b"")
