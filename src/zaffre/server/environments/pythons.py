"""The Python interpreters of this machine, and which of them serves a definition.

`find` looks at the machine once per server; `choose` and `for_lock` are pure. Called by `solving` and `builds`.
Never downloads an interpreter.
"""

import concurrent.futures
import dataclasses
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from packaging import specifiers, version

from zaffre.core import errors

# The scoring runtime speaks Python 3.9 and later.
OLDEST = version.Version("3.9")
_ASKED_AT_ONCE = 4

_QUERY = """
import json, os, sys, sysconfig
v = sys.version_info
exe = getattr(sys, "_base_executable", None) or sys.executable
if sys.prefix != sys.base_prefix:
    exe = os.path.join(sys.base_prefix, "bin", "python%d.%d" % v[:2])
print(json.dumps([os.path.realpath(exe), "%d.%d.%d" % v[:3], v[3], sys.implementation.name, sysconfig.get_platform()]))
"""


@dataclasses.dataclass(frozen=True)
class Interpreter:
    """An installed CPython. `shared`: another user may run it; `server`: the server itself runs on it."""

    path: str
    version: str
    platform: str
    shared: bool = True
    server: bool = False

    @property
    def minor(self) -> str:
        """`3.11` of `3.11.7`."""
        return ".".join(self.version.split(".")[:2])


def find(environ: Mapping[str, str], *, server: str = sys.executable) -> tuple[Interpreter, ...]:
    """Every usable interpreter: the server's own, those on PATH, and what pyenv and uv keep in the home folder."""
    with concurrent.futures.ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
        own, *others = pool.map(_ask, (server, *map(str, _candidates(environ))))
    found = {own.path: dataclasses.replace(own, server=True)} if own else {}
    for interpreter in others:
        if interpreter and version.Version(interpreter.version) >= OLDEST:
            found.setdefault(interpreter.path, interpreter)
    return tuple(sorted(found.values(), key=lambda one: (version.Version(one.version), one.path)))


def choose(
    wanted: str | None,
    installed: Sequence[Interpreter],
    *,
    stand_in: bool = False,
    prefer_shared: bool = False,
) -> tuple[Interpreter, str | None]:
    """The interpreter for a PEP 440 specifier, and a sentence when it stands in for another one.

    Another patch release of the same minor version serves and says so; with `stand_in` the nearest newer minor
    version does too. Otherwise raises Unsupported, which names what is installed.
    """
    spec = specifiers.SpecifierSet(wanted or "")

    def best(matching: Iterable[Interpreter]) -> Interpreter | None:
        return max(matching, key=lambda one: _rank(one, installed, prefer_shared), default=None)

    if found := best(one for one in installed if spec.contains(one.version, prereleases=True)):
        return found, None
    asked = _mentioned(spec)
    if asked and (found := best(one for one in installed if _pins_minor(spec, one))):
        return (
            found,
            f"Python {found.version} stands in for {asked}: the same minor version, another patch release.",
        )
    newer = [one for one in installed if asked and version.Version(one.version) >= asked]
    if stand_in and newer:
        nearest = min(version.Version(one.minor) for one in newer)
        found = best(one for one in newer if version.Version(one.minor) == nearest)
        assert found
        return found, f"Python {found.version} stands in for {_said(wanted)}, which is not installed here."
    raise _missing(wanted, installed)


def for_lock(locked: str, installed: Sequence[Interpreter], *, prefer_shared: bool = False) -> Interpreter:
    """The interpreter that builds a lock made on Python `locked`: that very version, else its minor version."""
    minor = ".".join(locked.split(".")[:2])
    try:
        return choose(f"=={locked}", installed, prefer_shared=prefer_shared)[0]
    except errors.Unsupported:
        raise _missing(f"=={minor}.*", installed) from None


def _rank(one: Interpreter, installed: Sequence[Interpreter], prefer_shared: bool) -> tuple[object, ...]:
    server_minors = {other.minor for other in installed if other.server}
    return (
        one.shared or not prefer_shared,
        one.minor in server_minors,
        one.server,
        version.Version(one.version),
    )


def _mentioned(spec: specifiers.SpecifierSet) -> version.Version | None:
    """The highest version that a specifier names."""
    return max((version.Version(part.version.removesuffix(".*")) for part in spec), default=None)


def _pins_minor(spec: specifiers.SpecifierSet, one: Interpreter) -> bool:
    """Whether the specifier names one patch release of the interpreter's minor version."""
    pinned = [part.version.removesuffix(".*").split(".") for part in spec if part.operator in ("==", "~=")]
    return any(len(parts) >= 3 and ".".join(parts[:2]) == one.minor for parts in pinned)


def _said(wanted: str | None) -> str:
    """`==3.8.*` as people say it: 3.8."""
    text = wanted or ""
    return text.removeprefix("==").removesuffix(".*") if "," not in text else text


def _missing(wanted: str | None, installed: Sequence[Interpreter]) -> errors.Unsupported:
    have = ", ".join(sorted({one.version for one in installed}, key=version.Version)) or "none"
    return errors.Unsupported(
        f"Python {_said(wanted)} is not installed on this machine; installed are {have}.",
        hint="Install it, ask for one of these, or let the nearest newer one stand in (setting python_stand_in).",
        wanted=wanted,
        installed=have,
    )


def _candidates(environ: Mapping[str, str]) -> list[Path]:
    home = Path(environ.get("HOME") or Path.home())
    folders = [Path(part) for part in environ.get("PATH", "").split(":") if part.startswith("/")]
    folders += [Path("/usr/local/bin"), Path("/usr/bin")]
    pyenv = Path(environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local/share")
    managed = Path(environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")
    folders += sorted(folder / "bin" for parent in (pyenv, managed) for folder in _below(parent))
    shims = pyenv.parent / "shims"
    found = [
        folder / name
        for folder in folders
        if folder != shims and os.path.isdir(folder)  # noqa: PTH112 Path's own raises where we may not look
        for name in ("python3", *(f"python3.{minor}" for minor in range(9, 20)))
    ]
    real = {path.resolve(): path for path in reversed(found) if os.path.isfile(path)}  # noqa: PTH113 as above
    return list(real)


def _below(folder: Path) -> list[Path]:
    """What lies in a folder; nothing where there is none, or one of somebody else."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _ask(executable: str) -> Interpreter | None:
    """What an interpreter says of itself; None for one that does not run, is no CPython or no final release."""
    command = [executable, "-I", "-S", "-c", _QUERY]
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=20, check=True, cwd="/"
        ).stdout
        path, number, level, implementation, platform = json.loads(answer)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    if implementation != "cpython" or level != "final" or not Path(path).exists():
        return None
    return Interpreter(path, number, platform, shared=_shared(Path(path)))


def _shared(path: Path) -> bool:
    """Whether any user may reach and run the file."""
    return all(step.stat().st_mode & stat.S_IXOTH for step in (path, *path.parents))
