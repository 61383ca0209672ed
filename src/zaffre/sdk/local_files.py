"""The user's own files: which ones belong to a path, what their digests are, and whether they stayed as they were.

Called by `bundles`. Sends nothing.
"""

import concurrent.futures
import dataclasses
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from zaffre.contracts import manifests, samples
from zaffre.core import errors
from zaffre.sdk import ignores

PIECE = 4 << 20
# Written beside code by running it; they would make the same code look different each time.
CODE_LITTER = ("__pycache__/", ".git/")

# Without waiting: a pipe that took the place of a file would never open.
_READ = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)

Count = Callable[[int], None]


@dataclasses.dataclass(frozen=True)
class LocalFile:
    """One file: its name in the manifest, where it lies, and how it looked when it was found."""

    name: str
    path: Path
    size: int
    modified_ns: int


@dataclasses.dataclass(frozen=True)
class Bundle:
    """Files with their digests; `name` is what the file or folder is called."""

    name: str
    files: tuple[LocalFile, ...]
    manifest: manifests.Manifest

    def by_digest(self) -> dict[str, LocalFile]:
        """One file for each content."""
        known = {entry.path: entry.digest for entry in self.manifest.files}
        return {known[file.name]: file for file in reversed(self.files)}


def collect(path: Path, *, what: str, ignoring: Sequence[str] = ()) -> tuple[str, list[LocalFile]]:
    """The name of a file or folder, and its files. Raises NotFound, TooLarge, Invalid (empty, links that lead out, odd files)."""
    root = Path(os.path.abspath(path))  # noqa: PTH100 resolve() would lose the name of a link
    if not root.exists():
        raise errors.NotFound(
            f"{what}: there is no file or folder {path}.",
            hint="Correct the path; in a file, it is relative to that file.",
        )
    name = manifests.check_name(root.resolve().name if not root.name else root.name)
    if not root.is_dir():
        return name, [_local_file(name, root)]
    rules = ignores.read(root, also=ignoring)
    files = [
        _local_file(f"{name}/{relative}", place) for relative, place in _walk(root, root.resolve(), rules)
    ]
    manifests.demand_count(len(files))
    if not files:
        left = " that is not ignored" if rules else ""
        raise errors.Invalid(
            f"{what}: the folder {path} holds no file{left}.", hint="Give a folder with files."
        )
    return name, files


def bundle(
    name: str,
    files: Sequence[LocalFile],
    *,
    known: Mapping[str, str] | None = None,
    count: Count | None = None,
) -> Bundle:
    """Files with digests, several at once; `known` are digests by name, `count` hears of each piece of bytes."""
    ready = known or {}
    with concurrent.futures.ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        digests = list(pool.map(lambda file: ready.get(file.name) or digest(file, count=count), files))
    entries = [
        manifests.FileEntry(path=file.name, size=file.size, digest=hexdigest)
        for file, hexdigest in zip(files, digests, strict=True)
    ]
    return Bundle(name, tuple(files), manifests.Manifest.of(entries))


def digest(file: LocalFile, *, count: Count | None = None) -> str:
    """SHA-256 of a file. Raises Conflict when it is not the file that was found."""
    hasher = hashlib.sha256()
    buffer = bytearray(min(PIECE, max(file.size, 1)))
    view = memoryview(buffer)
    with open_unchanged(file) as descriptor:
        while (
            length := os.readv(descriptor, [buffer]) if hasattr(os, "readv") else _read_into(descriptor, view)
        ):
            hasher.update(view[:length])
            if count:
                count(length)
    demand_unchanged(file)
    return hasher.hexdigest()


def sample(file: LocalFile) -> str:
    """The sample of a large file. Raises Conflict when it is not the file that was found."""

    def read(length: int, at: int) -> bytes:
        return b"".join(pieces(file, at, at + length))

    return samples.sample(file.size, read)


def pieces(file: LocalFile, start: int, stop: int, *, size: int = PIECE) -> Iterator[bytes]:
    """The bytes from `start` up to `stop`. Raises Conflict when the file is not the one that was found."""
    with open_unchanged(file) as descriptor:
        os.lseek(descriptor, start, os.SEEK_SET)
        while start < stop:
            piece = os.read(descriptor, min(size, stop - start))
            if not piece:
                raise changed(file)
            start += len(piece)
            yield piece


class open_unchanged:  # noqa: N801 reads as the context manager it is
    """The descriptor of a file that still looks as it was found. Raises Conflict."""

    def __init__(self, file: LocalFile) -> None:
        self._file = file

    def __enter__(self) -> int:
        try:
            self._descriptor = os.open(self._file.path, _READ)
        except OSError as error:
            raise errors.Invalid(f"{self._file.path} cannot be read: {error.strerror}.") from error
        facts = os.fstat(self._descriptor)
        if not stat.S_ISREG(facts.st_mode) or facts.st_size != self._file.size:
            os.close(self._descriptor)
            raise changed(self._file)
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def demand_unchanged(file: LocalFile) -> None:
    """Raises Conflict when a file no longer has the size and time that it had."""
    try:
        facts = file.path.stat()
    except OSError:
        raise changed(file) from None
    if (facts.st_size, facts.st_mtime_ns) != (file.size, file.modified_ns):
        raise changed(file)


def changed(file: LocalFile) -> errors.Conflict:
    """Somebody writes to the file while it is being read."""
    return errors.Conflict(
        f"{file.path} changed while it was being uploaded.",
        hint="Wait until nothing writes to it, then try again.",
    )


def _read_into(descriptor: int, view: memoryview) -> int:
    data = os.read(descriptor, len(view))
    view[: len(data)] = data
    return len(data)


def _walk(root: Path, inside: Path, rules: ignores.Rules, prefix: str = "") -> Iterator[tuple[str, Path]]:
    for entry in sorted(os.scandir(root), key=lambda entry: entry.name):
        relative = prefix + entry.name
        place = Path(entry.path)
        if rules.excludes(relative, folder=entry.is_dir()):
            continue
        if entry.is_symlink():
            _demand_inside(place, inside)
        if entry.is_dir():
            yield from _walk(place, inside, rules, relative + "/")
        else:
            yield relative, place


def _demand_inside(link: Path, inside: Path) -> None:
    """A link may point at a file or folder of the same tree, but not above itself, where it would never end."""
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):
        raise errors.Invalid(
            f"{link} is a link to nothing.", hint="Delete it, or list it in .amlignore."
        ) from None
    if not target.is_relative_to(inside):
        raise errors.Invalid(
            f"{link} is a link that leads out of {inside}, to {target}.",
            hint="Copy what it points at (`cp -rL`), or list it in .amlignore.",
        )
    if link.parent.resolve().is_relative_to(target):
        raise errors.Invalid(f"{link} is a link to a folder that holds it.", hint="Delete it.")


def _local_file(name: str, path: Path) -> LocalFile:
    manifests.check_name(name)
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise errors.Invalid(
            f"{path} is neither a file nor a folder.", hint="Delete it, or list it in .amlignore."
        )
    return LocalFile(name, path, facts.st_size, facts.st_mtime_ns)
