"""The replica's own lines in its log, which is stderr. Every module that reports something writes through here."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    print(f"zaffre: {text}", file=sys.stderr, flush=True)  # noqa: T201 - stderr is the replica's log
