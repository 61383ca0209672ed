"""Byte code of what is installed, written at build time: replicas run as a user who may not write there.

Called by `builds` and `overlays`. Imports and runs none of the packages. What was compiled for one environment is
kept by the content of its sources and linked into the next one that holds the same package, so that adding one
package to an environment does not compile all others again.
"""

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from zaffre.server.environments import caches, errands

_TIMEOUT_S = 1800.0
_WORKERS = 2
_TESTS = frozenset({"tests", "test", "__pycache__"})


class Store:
    """Compiled packages below `root`, which lies on the file system of the environments."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def compile_folder(
        self, python: str, minor: str, folder: Path, *, hold: int, errand: errands.Errand
    ) -> None:
        """Write the byte code of every module below a folder of packages; what does not compile is left as it is.

        `python` is an interpreter of version `minor`; `hold` a descriptor that stays open until it has ended.
        """
        with caches.Guard(self._root).used():
            self._compile_folder(python, minor, folder, hold=hold, errand=errand)

    def _compile_folder(
        self, python: str, minor: str, folder: Path, *, hold: int, errand: errands.Errand
    ) -> None:
        tag = f"cpython-{minor.replace('.', '')}"
        missing: dict[str, list[Path]] = {}
        for package in sorted(folder.iterdir()) if folder.is_dir() else ():
            sources = list(_sources(package))
            key = _key(folder, sources, tag)
            if sources and not self._link(key, folder):
                missing[key] = sources
        if missing:
            _compile(
                python,
                [source for sources in missing.values() for source in sources],
                hold=hold,
                errand=errand,
            )
            for key, sources in missing.items():
                self._keep(key, folder, [_compiled(source, tag) for source in sources])
        errand.say(f"Byte code written; {len(missing)} packages were compiled for the first time.")

    def _link(self, key: str, folder: Path) -> bool:
        kept = self._root / key
        if not kept.is_dir():
            return False
        for file in kept.rglob("*.pyc"):
            target = folder / file.relative_to(kept)
            target.parent.mkdir(exist_ok=True)
            target.parent.chmod(0o755)
            _link_or_copy(file, target)
        return True

    def _keep(self, key: str, folder: Path, compiled: list[Path]) -> None:
        waiting = self._root / f".{uuid.uuid4().hex}"
        waiting.mkdir(parents=True)
        for file in compiled:
            if file.is_file():
                target = waiting / file.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                _link_or_copy(file, target)
        try:
            waiting.rename(self._root / key)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            shutil.rmtree(waiting)  # another build kept the same package meanwhile


def _sources(package: Path) -> Iterator[Path]:
    """The modules of a package or of a single file, without its tests."""
    if package.suffix == ".py" and package.is_file() and not package.is_symlink():
        yield package
    for parent, folders, files in os.walk(package):
        folders[:] = sorted(name for name in folders if name not in _TESTS)
        for name in sorted(files):
            source = Path(parent) / name
            if source.suffix == ".py" and not source.is_symlink():
                yield source


def _key(folder: Path, sources: list[Path], tag: str) -> str:
    """Content decides, never a record that the package brings: a package may lie about itself."""
    digest = hashlib.sha256(tag.encode())
    for source in sources:
        content = hashlib.sha256(source.read_bytes()).hexdigest()
        digest.update(f"\n{content} {source.relative_to(folder)}".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _compiled(source: Path, tag: str) -> Path:
    return source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"


def _compile(python: str, sources: list[Path], *, hold: int, errand: errands.Errand) -> None:
    """Hash-based and unchecked: the files never change, and a kept file fits sources of any time stamp."""
    command = [
        python, "-I", "-S", "-m", "compileall", "-qq", "-j", str(_WORKERS), "--invalidation-mode", "unchecked-hash", "-i", "-",
    ]  # fmt: skip
    errand.run(
        command, given="".join(f"{source}\n" for source in sources), environ={"LANG": "C.UTF-8"}, cwd="/",
        timeout_s=_TIMEOUT_S, held=(hold,), heard=lambda _: None,
    )  # fmt: skip


def _link_or_copy(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in (errno.EMLINK, errno.EXDEV, errno.EPERM):
            raise
        shutil.copyfile(source, target)
