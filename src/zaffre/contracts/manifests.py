"""Manifests: the immutable list of files of a version, and the address that entities use for one.

The SDK makes them, the server stores them as trees; nobody here reads a file. Names in a manifest come from
strangers, so `check_name` refuses whatever could leave its folder on any of the platforms that download it.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable
from functools import cached_property, lru_cache
from typing import Annotated, Any, Self

import pydantic

from zaffre.core import errors, hostile

MAX_FILES = 100_000
SCHEME = "zaffre://trees/"

Digest = Annotated[str, pydantic.Field(pattern=r"^[0-9a-f]{64}$")]


def check_name(path: str) -> str:
    """A file name inside an archive, a manifest or a request body, returned as it is. Raises Invalid when it is hostile."""
    why = hostile.why(path)
    if why is not None:
        shown = path if len(path) <= 80 else path[:77] + "..."
        raise errors.Invalid(
            f"The file name {shown!r} {why}.", hint="Names must be relative, with '/' between their parts."
        )
    return path


def demand_count(count: int) -> None:
    """Raises TooLarge for more files than one version can have."""
    if count > MAX_FILES:
        raise errors.TooLarge(
            f"{count} files are too many for one version; it holds at most {MAX_FILES}.",
            hint="Pack small files into archives, or register parts of the folder.",
            limit=MAX_FILES,
        )


def _checked(path: str) -> str:
    try:
        return check_name(path)
    except errors.Invalid as error:
        raise ValueError(error.detail) from error


class FileEntry(pydantic.BaseModel):
    """One file: its name relative to the version, its size in bytes, the SHA-256 of its content."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid", strict=True)

    path: Annotated[str, pydantic.AfterValidator(_checked)]
    size: Annotated[int, pydantic.Field(ge=0, le=1 << 50)]
    digest: Digest


class Manifest(pydantic.BaseModel):
    """All files of one version, sorted by name. Equal files give an equal `digest`, on every machine."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    files: tuple[FileEntry, ...] = pydantic.Field(max_length=MAX_FILES)

    @pydantic.field_validator("files")
    @classmethod
    def _sorted_without_clash(cls, files: tuple[FileEntry, ...]) -> tuple[FileEntry, ...]:
        clash = _clash(entry.path for entry in files)
        if clash:
            raise ValueError(clash)
        return tuple(sorted(files, key=lambda entry: entry.path))

    @classmethod
    def of(cls, files: Iterable[FileEntry]) -> Self:
        """The manifest of these files. Raises Invalid when two names are the same on some platform."""
        return cls.parse({"files": list(files)})

    @classmethod
    def parse(cls, body: Any) -> Self:
        """The manifest that a REST body describes. Raises Invalid with every problem in it, TooLarge."""
        files = body.get("files") if isinstance(body, dict) else None
        demand_count(len(files) if isinstance(files, list | tuple) else 0)
        try:
            return cls.model_validate(body)
        except pydantic.ValidationError as error:
            lines = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:20]]
            raise errors.Invalid("The manifest is not valid: " + "; ".join(lines) + ".") from error

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON: what a tree is stored and addressed by."""
        return hashlib.sha256(self.canonical()).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(entry.size for entry in self.files)

    def canonical(self) -> bytes:
        """The JSON text that the digest is taken of: sorted, without spaces, UTF-8."""
        rows = [[entry.path, entry.size, entry.digest] for entry in self.files]
        return json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode()

    def digests(self) -> list[str]:
        """The different contents, each once, in the order of the names."""
        return list(dict.fromkeys(entry.digest for entry in self.files))

    def below(self, path: str) -> list[FileEntry]:
        """The file of that name, or all files in the folder of that name; everything when the path is empty."""
        if not path:
            return list(self.files)
        return [entry for entry in self.files if entry.path == path or entry.path.startswith(path + "/")]


def _clash(paths: Iterable[str]) -> str | None:
    """Two names that one platform or another takes for the same, or a file that is also a folder."""
    seen: dict[str, str] = {}
    for path in paths:
        key = _folded(path)
        if key in seen:
            return f"the names {seen[key]!r} and {path!r} are the same file on some systems"
        seen[key] = path
    for key, path in seen.items():
        for end in (at for at, letter in enumerate(key) if letter == "/"):
            if key[:end] in seen:
                return f"{seen[key[:end]]!r} is both a file and the folder of {path!r}"
    return None


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


class TreeAddress(pydantic.BaseModel):
    """`zaffre://trees/<64 hex>/<sub/path>`: a file or folder of a stored tree; an empty path is the whole tree."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    digest: Digest
    path: str = ""

    def __str__(self) -> str:
        return f"{SCHEME}{self.digest}/{self.path}" if self.path else SCHEME + self.digest

    @property
    def name(self) -> str:
        """Last part of the path: the name that the registered file or folder keeps."""
        return self.path.rpartition("/")[2]


def address(digest: str, path: str = "") -> str:
    """The address of a stored tree, or of a file or folder in it."""
    return str(parse_address(f"{SCHEME}{digest}/{path}" if path else SCHEME + digest))


@lru_cache(maxsize=1024)  # one request asks several times what its address means
def parse_address(text: str) -> TreeAddress:
    """What a tree address points at. Raises Invalid."""
    match = re.fullmatch(r"zaffre://trees/([0-9a-f]{64})(?:/(.+))?", text, flags=re.DOTALL)
    if match is None:
        raise errors.Invalid(
            f"{text[:120]!r} is not the address of a stored tree.",
            hint="It has the form zaffre://trees/<64 hexadecimal digits>/<path>.",
        )
    return TreeAddress(digest=match[1], path=check_name(match[2]) if match[2] else "")


def is_address(text: Any) -> bool:
    """Whether a value is the well-formed address of a stored tree."""
    if not isinstance(text, str) or not text.startswith(SCHEME):
        return False
    try:
        parse_address(text)
    except errors.Invalid:
        return False
    return True
