"""What people see while they wait, on standard error: bars on a terminal, plain lines elsewhere.

Given to the SDK's client as listener and progress. Says nothing under --only-show-errors.
"""

import sys
import threading
from typing import Any, Protocol


class Reporter(Protocol):
    """Hears of bytes (begin, advance, end) and of long work (progress)."""

    def begin(self, what: str, total: int) -> None: ...
    def advance(self, count: int) -> None: ...
    def end(self) -> None: ...
    def progress(self, operation: dict[str, Any]) -> None: ...
    def close(self) -> None: ...


def reporter(*, quiet: bool) -> Reporter:
    """The right one for where standard error goes."""
    if quiet:
        return Silence()
    return Bars() if sys.stderr.isatty() else Lines()


class Silence:
    """Says nothing."""

    def begin(self, what: str, total: int) -> None:
        """Nothing."""

    def advance(self, count: int) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""

    def progress(self, operation: dict[str, Any]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines(Silence):
    """One line a stage, and one for each new message of long work."""

    def __init__(self) -> None:
        self._said = ""

    def begin(self, what: str, total: int) -> None:
        """The stage and its size."""
        self._say(f"{what} ({size(total)})" if total else what)

    def progress(self, operation: dict[str, Any]) -> None:
        """The lines that came, and the message, when it is a new one."""
        for line in lines_of(operation):
            self._say(line)
        message = message_of(operation)
        if str(operation.get("state", "")).lower() == "failed":
            return  # the error that follows says it
        if message and message != self._said:
            self._said = message
            self._say(message)

    @staticmethod
    def _say(line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # noqa: T201 standard error is where this goes


class Bars(Silence):
    """Bars that move, by rich."""

    def __init__(self) -> None:
        from rich import console, progress

        self._bars = progress.Progress(
            progress.SpinnerColumn(),
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.TextColumn("{task.fields[amount]}"),
            progress.TimeElapsedColumn(),
            console=console.Console(stderr=True),
            transient=True,
        )
        self._bytes: Any = None
        self._work: Any = None
        self._done = 0
        self._total = 0
        self._lock = threading.Lock()

    def begin(self, what: str, total: int) -> None:
        """A bar of bytes."""
        self._bars.start()
        self._done, self._total = 0, total
        self._bytes = self._bars.add_task(what, total=total or None, amount=size(total))

    def advance(self, count: int) -> None:
        """Moves the bar; several threads call it."""
        with self._lock:
            self._done += count
            amount = f"{size(self._done)} of {size(self._total)}" if self._total else size(self._done)
        if self._bytes is not None:
            self._bars.update(self._bytes, advance=count, amount=amount)

    def end(self) -> None:
        """Takes the bar away."""
        if self._bytes is not None:
            self._bars.remove_task(self._bytes)
            self._bytes = None

    def progress(self, operation: dict[str, Any]) -> None:
        """A bar of parts done, or one that only moves when nobody knows how far it is."""
        for line in lines_of(operation):
            self._bars.console.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)
        if self._work is None:
            self._bars.start()
            self._work = self._bars.add_task("", total=None, amount="")
        fraction = (operation.get("progress") or {}).get("fraction")
        self._bars.update(
            self._work,
            description=message_of(operation) or "working",
            total=1.0 if fraction else None,
            completed=fraction or 0,
        )

    def close(self) -> None:
        """Leaves the terminal as it was."""
        self._bars.stop()


def lines_of(operation: dict[str, Any]) -> list[str]:
    """What the work printed since the last look, each line after who printed it."""
    told = operation.get("lines") or ()
    return [
        f"[{each['source']}] {printable(line)}" for each in told for line in each["text"].splitlines() or [""]
    ]


def printable(text: str) -> str:
    """A line without what would move a terminal's cursor or change its state: output of strangers' code."""
    return "".join(letter if letter.isprintable() or letter == "\t" else "\ufffd" for letter in text)


def message_of(operation: dict[str, Any]) -> str:
    """The line for people in an operation's record."""
    progress = operation.get("progress")
    if isinstance(progress, dict):
        return str(progress.get("message") or "")
    return str(operation.get("message") or "")


def size(count: int) -> str:
    """Bytes as people read them."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:.0f} {unit}" if unit == "bytes" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= 1000
    return ""
