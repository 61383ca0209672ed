"""Conda packages said in pip's words: the same project on the Python index, with the version translated.

Called by `solving` where no channel can be reached, or by setting. Pure, but for its table, which it reads once from
the package's data. Every substitution is noted, and the lock carries the notes.
"""

import dataclasses
import functools
import tomllib
from collections.abc import Mapping, Sequence
from importlib import resources

from zaffre.core import errors
from zaffre.server.environments import matchspecs

_NOT_PYTHON_PREFIXES = ("r-", "lib", "_", "gcc", "gxx", "gfortran", "perl-", "sysroot", "xorg-", "cuda-")


@dataclasses.dataclass(frozen=True)
class Substitution:
    """Requirement lines in place of conda specs, and a note for each."""

    requirements: tuple[str, ...]
    notes: tuple[str, ...]


def from_index(specs: Sequence[str]) -> Substitution:
    """Say conda specs as requirements. Raises Unsupported for what is no Python project."""
    parsed = [matchspecs.parse(spec, source="conda_file.dependencies") for spec in specs]
    present = {_project(spec.name) for spec in parsed}
    lines, notes = [], []
    for spec in parsed:
        if _is_dropped(spec.name, present):
            notes.append(f"{spec.text} was left out: wheels of the Python index bring what they need of it.")
            continue
        line = _line(spec)
        lines.append(line)
        notes.append(f"{spec.text} comes from the Python index as {line}, not from a conda channel.")
    return Substitution(tuple(lines), tuple(notes))


def project(conda_name: str) -> str:
    """The name on the Python index of the project that conda calls `conda_name`."""
    return _project(conda_name.lower())


def _project(name: str) -> str:
    return str(_table()["names"].get(name, name))


def _is_dropped(name: str, present: set[str]) -> bool:
    table = _table()
    return name in table["glue"]["packages"] or bool(present & set(table["brought_by"].get(name, ())))


def _line(spec: matchspecs.MatchSpec) -> str:
    refused = _table()["not_python"]["packages"]
    known = spec.name in _table()["names"]
    if not known and (spec.name in refused or spec.name.startswith(_NOT_PYTHON_PREFIXES)):
        raise errors.Unsupported(
            f"The conda package {spec.name!r} is not a Python project, so only a conda channel has it, "
            "and no channel is used here.",
            hint="Let the server reach the channel, or leave the package out.",
        )
    if spec.version is None:
        raise errors.Unsupported(
            f"The conda spec {spec.text!r} cannot be said in pip's words.",
            hint=f"Write its version as in `{spec.name}>=1.2,<2`.",
        )
    return f"{_project(spec.name)}{spec.version}"


@functools.cache
def _table() -> Mapping[str, Mapping[str, list[str]]]:
    text = resources.files(__package__).joinpath("substitutes.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
