"""Wheels that a sandbox built from source distributions: taken out with care, and put beside the index's own.

Called by `uv`. Reads a folder that another user filled, after every process in it has ended: links are never followed,
and only a wheel of the very package and version that was asked for is taken.
"""

import hashlib
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from packaging import requirements as pep508
from packaging import utils as names

from zaffre.core import errors

_LARGEST_TEXT = 16 << 20
_LARGEST_WHEEL = 4 << 30
_PIECE = 1 << 20


class Built:
    """A locked text, and the wheels in `folder` that stand for some of its lines."""

    def __init__(self, folder: Path, requirements: str) -> None:
        self._folder = folder
        joined = re.sub(r"\\\n\s*", " ", requirements)
        self._lines = {_name(line): line for line in joined.splitlines() if line.strip()}
        self._built: set[str] = set()

    @property
    def requirements(self) -> str:
        """The text as it can be installed now."""
        return "\n".join(self._lines.values())

    def can_build(self, name: str) -> bool:
        """Whether the text has the package and no wheel was built for it yet."""
        return names.canonicalize_name(name) in self._lines.keys() - self._built

    def line(self, name: str) -> str:
        """The locked line of a package."""
        return self._lines[names.canonicalize_name(name)]

    def take(self, name: str, cache: Path) -> None:
        """Find the wheel of a package below a sandbox's cache, copy it, and let its line accept it. Raises Invalid."""
        key = names.canonicalize_name(name)
        pinned = pep508.Requirement(re.sub(r"\s--hash\S*", "", self._lines[key]))
        for wheel in _wheels(cache):
            found, version, _, _ = names.parse_wheel_filename(wheel.name)
            if found == key and (pinned.url or pinned.specifier.contains(version, prereleases=True)):
                digest = _copy(wheel, self._folder / wheel.name)
                self._lines[key] = f"{found}=={version} --hash=sha256:{digest}"
                self._built.add(key)
                return
        raise errors.Invalid(f"{name} was built from source, and no wheel of it came out.")


def base(python: str) -> str:
    """The interpreter below an environment's own: a sandbox does not see the environment."""
    return str(Path(python).resolve())


def prefixes(interpreters: Iterable[str]) -> list[str]:
    """The folders that interpreters need to run."""
    return list(dict.fromkeys(str(Path(python).resolve().parent.parent) for python in interpreters))


def read_regular(path: Path) -> bytes:
    """The content of a file that is neither a link nor a device nor huge. Raises Invalid."""
    with open(_open(path), "rb") as file:
        content = file.read(_LARGEST_TEXT + 1)
    if len(content) > _LARGEST_TEXT:
        raise errors.Invalid(f"{path.name} is too large.")
    return content


def _wheels(cache: Path) -> Iterable[Path]:
    for parent, _, files in os.walk(cache):
        for name in sorted(files):
            if name.endswith(".whl") and "sdists" in parent:
                yield Path(parent) / name


def _copy(source: Path, target: Path) -> str:
    digest, size = hashlib.sha256(), 0
    with open(_open(source), "rb") as reader, target.open("xb") as writer:
        while piece := reader.read(_PIECE):
            digest.update(piece)
            size += len(piece)
            if size > _LARGEST_WHEEL:
                raise errors.Invalid(f"{source.name} is too large.")
            writer.write(piece)
    return digest.hexdigest()


def _open(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise errors.Invalid(f"{path.name} cannot be read: {error.strerror}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise errors.Invalid(f"{path.name} is not a plain file.")
    return descriptor


def _name(line: str) -> str:
    return names.canonicalize_name(re.split(r"[\s\[=@;]", line.strip(), maxsplit=1)[0])
