"""Secret values come in by a file or standard input, never as words of a command: those can be read in process lists."""

import sys
from pathlib import Path

from zaffre.core import errors

_LARGEST = 1 << 20


def read(name: str) -> str:
    """The text of a file, or of standard input for `-`, without the last end of line. Raises Invalid, NotFound."""
    try:
        content = sys.stdin.buffer.read(_LARGEST + 1) if name == "-" else _content(Path(name))
    except OSError as error:
        raise errors.NotFound(f"The file {name} cannot be read: {error.strerror}.") from error
    if len(content) > _LARGEST:
        raise errors.TooLarge(f"{name} holds more than {_LARGEST} bytes.", hint="A secret is small.")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise errors.Invalid(
            f"{name} is not UTF-8 text.", hint="Encode bytes, for instance as base64."
        ) from error
    return text.removesuffix("\n").removesuffix("\r")


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_LARGEST + 1)
