"""The page of `zaffre --help`, written from the catalogue alone.

Called by `main` before anything else is loaded, and by `grammar.Root`, so that there is one such page. It looks as
click's pages do, which the nouns and verbs have.
"""

import os
import sys
from collections.abc import Iterable, Iterator, Mapping

from zaffre.cli import catalogue

WIDEST = 120
_NARROWEST = 50
_USUAL = 80

_ABOUT = "The whole life of a machine-learning model on your own machines, with the words of az ml."
_LAST = "`zaffre ml ...` is the same as `zaffre ...`, so that scripts for az run with `alias az=zaffre`."
_OPTIONS = {"--version": "Print it.", "-h, --help": "Show this message and exit."}


def page(called: str, width: int) -> str:
    """The page for a terminal of that many columns; `called` are the words that led here."""
    return "\n".join([
        f"Usage: {called} [OPTIONS] COMMAND [ARGS]...",
        "",
        *_lines(_ABOUT, width, "  "),
        *_table("Options", _OPTIONS, width),
        *_table("Commands", {name: entry[1] for name, entry in catalogue.COMMANDS.items()}, width),
        *_table("Groups", {name: entry[1] for name, entry in catalogue.NOUNS.items()}, width),
        "",
        *_lines(_LAST, width, "  "),
    ])  # fmt: skip


def width() -> int:
    """Columns of the page: those of the terminal, or what `COLUMNS` says, within what reads well."""
    said = os.environ.get("COLUMNS", "")
    columns = int(said) if said.isdecimal() else 0
    if not columns:
        try:
            columns = os.get_terminal_size(sys.stdout.fileno()).columns
        except (OSError, ValueError):  # no terminal
            columns = 0
    return max(min(columns or _USUAL, WIDEST) - 2, _NARROWEST)


def _table(title: str, rows: Mapping[str, str], width: int) -> Iterator[str]:
    column = max(map(len, rows)) + 4
    yield from ("", f"{title}:")
    for name, meaning in rows.items():
        first, *more = _lines(meaning, width, " " * column)
        yield f"  {name}".ljust(column) + first.lstrip()
        yield from more


def _lines(text: str, width: int, indent: str) -> Iterable[str]:
    """The words of a text in lines that are no longer than the width."""
    line = indent
    for word in text.split(" "):
        if len(line) > len(indent) and len(line) + len(word) > width:
            yield line.rstrip()
            line = indent
        line += word + " "
    yield line.rstrip()
