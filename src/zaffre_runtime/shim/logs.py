"""A process's output on disk: numbered segments with a cap, and the last lines in memory.

Written by the supervisor; read through `read_tail` and `read_since` by `zaffre.server.compute`. A disk that is full or slow to come
back costs output, never the process: what could not be written is counted and noted once writing works again.
"""

from __future__ import annotations

import collections
import os
import re
from typing import Deque, List, Optional, Tuple

_SEGMENT = re.compile(r"^(\d{6,})\.log$")
_TAIL_LINES = 40
_TAIL_LINE_BYTES = 2000


class LogWriter:
    """Appends to the newest segment; deletes the oldest beyond the cap, but keeps the one where this start began."""

    def __init__(self, folder: str, max_bytes: int, segments: int = 8) -> None:
        self._folder = folder
        self._segments = max(segments, 3)
        self._segment_bytes = max(max_bytes // self._segments, 1024)
        self._file: Optional[int] = None
        self._size = 0
        self.dropped_bytes = 0
        self._unnoted = 0
        self._tail: Deque[bytes] = collections.deque(maxlen=_TAIL_LINES)
        self._partial = b""
        numbers = segment_numbers(folder)
        self._number = numbers[-1] if numbers else 1
        self._head = self._number

    def begin_attempt(self) -> None:
        """A new start: its first segment is kept as long as it is the current start."""
        self._head = self._number
        self._tail.clear()
        self._partial = b""

    def write(self, data: bytes) -> None:
        """Append output; never raises."""
        self._remember(data)
        try:
            if self._unnoted:
                self._append(
                    b"[zaffre] %d bytes of output were lost: the log could not be written\n" % self._unnoted
                )
                self._unnoted = 0
            self._append(data)
        except OSError:
            self.dropped_bytes += len(data)
            self._unnoted += len(data)
            self.close()

    def note(self, text: str) -> None:
        """A line of the shim's own."""
        self.write(b"[zaffre] " + text.encode("utf-8", "replace") + b"\n")

    def last_lines(self) -> List[str]:
        """The newest lines of the current start, without the shim's own."""
        lines = [*self._tail, self._partial] if self._partial else list(self._tail)
        return [line.decode("utf-8", "replace") for line in lines if not line.startswith(b"[zaffre] ")]

    def _remember(self, data: bytes) -> None:
        *lines, rest = (self._partial + data[-_TAIL_LINES * _TAIL_LINE_BYTES :]).split(b"\n")
        self._tail.extend(line[:_TAIL_LINE_BYTES] for line in lines)
        self._partial = rest[-_TAIL_LINE_BYTES:]

    def _append(self, data: bytes) -> None:
        while data:
            descriptor = self._segment()
            written = os.write(descriptor, data[: self._segment_bytes - self._size])
            self._size += written
            data = data[written:]

    def _segment(self) -> int:
        """The open segment with room."""
        if self._file is None:
            self._open()
        if self._size >= self._segment_bytes:
            self.close()
            self._number += 1
            self._open()
        assert self._file is not None
        return self._file

    def _open(self) -> None:
        path = segment_path(self._folder, self._number)
        self._file = os.open(
            path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        self._size = os.fstat(self._file).st_size
        spare = [
            number for number in segment_numbers(self._folder) if number not in (self._head, self._number)
        ]
        for number in spare[: max(len(spare) - (self._segments - 2), 0)]:
            os.unlink(segment_path(self._folder, number))

    def close(self) -> None:
        """Let go of the open segment; a later write opens it again."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def segment_path(folder: str, number: int) -> str:
    """Where a segment lies."""
    return os.path.join(folder, f"{number:06d}.log")


def segment_numbers(folder: str) -> List[int]:
    """The segments there are, oldest first."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return []
    return sorted(int(match.group(1)) for match in map(_SEGMENT.match, names) if match)


def read_tail(folder: str, lines: Optional[int]) -> str:
    """The last `lines` lines over all segments, or everything; a gap where segments were deleted is said."""
    parts: List[str] = []
    found = 0
    previous = 0
    for number in reversed(segment_numbers(folder)):
        if previous and number != previous - 1:
            parts.append("[zaffre] older output was removed here to keep the log within its size\n")
        previous = number
        try:
            with open(
                segment_path(folder, number), encoding="utf-8", errors="replace", newline="\n"
            ) as stream:
                parts.append(stream.read())
        except FileNotFoundError:
            continue  # removed while we looked
        found += parts[-1].count("\n")
        if lines is not None and found > lines:
            break
    text = "".join(reversed(parts))
    if lines is None:
        return text
    return "".join(text.splitlines(keepends=True)[-lines:]) if lines > 0 else ""


Position = Tuple[int, int]
"""A place in a log: the number of a segment, and the bytes read of it."""


def read_since(folder: str, position: Position, max_bytes: int = 256 << 10) -> Tuple[str, Position]:
    """Whole lines written after `position` (start with `(0, 0)`), about `max_bytes` at most, and where they end.

    A line that is not finished yet waits for its end, unless it alone is longer than `max_bytes`.
    """
    parts: List[bytes] = []
    place = position
    left = max_bytes
    for number in segment_numbers(folder):
        if number < position[0] or left <= 0:
            continue
        begin = position[1] if number == position[0] else 0
        try:
            with open(segment_path(folder, number), "rb") as stream:
                stream.seek(begin)
                data = stream.read(left)
        except FileNotFoundError:
            continue  # removed while we looked
        parts.append(data)
        left -= len(data)
        place = (number, begin + len(data))
    return _whole_lines(b"".join(parts), position, place, full=left <= 0)


def end_of(folder: str) -> Position:
    """Where a log ends now."""
    numbers = segment_numbers(folder)
    if not numbers:
        return (0, 0)
    try:
        return numbers[-1], os.stat(segment_path(folder, numbers[-1])).st_size
    except FileNotFoundError:
        return numbers[-1], 0


def _whole_lines(data: bytes, begin: Position, end: Position, full: bool) -> Tuple[str, Position]:
    finished = data.rfind(b"\n") + 1
    rest = len(data) - finished
    if rest and full and not finished:
        return data.decode("utf-8", "replace"), end
    if rest > end[1]:  # an unfinished line that began in the segment before: taken as it is
        return data.decode("utf-8", "replace"), end
    if not finished:
        return "", begin if rest else end
    return data[:finished].decode("utf-8", "replace"), (end[0], end[1] - rest)
