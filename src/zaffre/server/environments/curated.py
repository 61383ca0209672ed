"""Curated names: what real files call an environment that nobody registered, and what stands for it here.

Called by `service` and the endpoints room. Pure, but for the tables: the package's own, read once, and the user's
(setting curated_environments_file), whose text the caller hands in.
"""

import dataclasses
import difflib
import fnmatch
import functools
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any, Self

from zaffre.core import errors
from zaffre.server.environments import definitions

_REFERENCE = re.compile(
    r"azureml://registries/(?P<registry>[^/]+)/environments/(?P<name>[^/]+)(?:/(?:versions|labels)/[^/]+)?/?$",
    re.IGNORECASE,
)
_IMAGE = re.compile(r"mcr\.microsoft\.com/azureml/(?:curated/)?(?P<name>[^/:@]+)(?:[:@].*)?$", re.IGNORECASE)
_NO_CODE = "no-code-"
_KEYS = {"names", "python", "requirements"}


@dataclasses.dataclass(frozen=True)
class Entry:
    """One line of the table."""

    title: str
    names: tuple[str, ...]
    python: str | None
    requirements: tuple[str, ...]

    @property
    def name(self) -> str:
        """The first of its names that is no pattern, else its title."""
        return next((name for name in self.names if "*" not in name), self.title)


@dataclasses.dataclass(frozen=True)
class Table:
    """Entries in the order in which they are tried."""

    entries: tuple[Entry, ...]

    @classmethod
    def load(cls, users: str | None = None) -> Self:
        """The package's table, with the user's (the text of a TOML file) before it. Raises Invalid."""
        own = _parse(users, "curated_environments_file") if users else ()
        return cls((*own, *_packaged()))

    def definition(self, reference: str) -> definitions.Definition:
        """What stands for a curated name, reference or image. Raises NotFound with the nearest names."""
        name = name_of(reference)
        for entry in self.entries:
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in entry.names):
                return _definition(entry, reference)
        plain = [pattern.rstrip("*-") for entry in self.entries for pattern in entry.names]
        near = difflib.get_close_matches(name, sorted(set(plain)), n=3, cutoff=0.4)
        raise errors.NotFound(
            f"The curated environment {reference!r} is not known here.",
            hint=(f"Nearest: {', '.join(near)}. " if near else "Give a conda_file, or extend the table. ")
            + "`zaffre environment list --registry-name azureml` lists them.",
        )

    def listed(self) -> list[Entry]:
        """What people may name, in the order in which names are tried."""
        return [entry for entry in self.entries if not entry.title.startswith(_NO_CODE)]

    def read(self, fields: Mapping[str, Any]) -> definitions.Definition:
        """As `definitions.from_fields`, but a curated image alone is understood too."""
        extension = fields.get("zaffre") or {}
        if not (fields.get("conda_file") or fields.get("build") or extension.get("requirements")):
            image = str(fields.get("image") or "")
            if _IMAGE.match(image) and (found := self.find(image)):
                return dataclasses.replace(found, image=image)
        return definitions.from_fields(fields)

    def find(self, reference: str) -> definitions.Definition | None:
        """As `definition`, but None for an unknown name."""
        try:
            return self.definition(reference)
        except errors.NotFound:
            return None


def is_curated(reference: str) -> bool:
    """Whether a reference can mean nothing but a curated environment: one of a registry, or a name `AzureML-...`."""
    plain = reference.removeprefix("azureml:")
    return bool(_REFERENCE.match(reference)) or plain.lower().startswith(("azureml-", "//registries/"))


def name_of(reference: str) -> str:
    """The name as the table's patterns see it: `AzureML-sklearn-1.0-ubuntu20.04-py38-cpu:12` -> `sklearn-1.0-ubuntu...`."""
    found = _REFERENCE.match(reference) or _IMAGE.match(reference)
    name = found["name"] if found else re.split("[@:]", reference.removeprefix("azureml:"), maxsplit=1)[0]
    return name.lower().removeprefix("azureml-").removeprefix("acpt-")


def _definition(entry: Entry, reference: str) -> definitions.Definition:
    fields = {"zaffre": {"requirements": list(entry.requirements), "python": entry.python}}
    plain = definitions.from_fields(fields)
    return (
        plain
        if entry.title.startswith(_NO_CODE)
        else dataclasses.replace(plain, source=f"{reference} ({entry.title})")
    )


@functools.cache
def _packaged() -> tuple[Entry, ...]:
    text = resources.files(__package__).joinpath("curated.toml").read_text(encoding="utf-8")
    return _parse(text, "curated.toml")


def _parse(text: str, source: str) -> tuple[Entry, ...]:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise errors.Invalid(f"{source} is not valid TOML: {error}.") from None
    return tuple(_entry(title, table, source) for title, table in tables.items())


def _entry(title: str, table: Mapping[str, Any], source: str) -> Entry:
    if (
        not isinstance(table, Mapping)
        or set(table) - _KEYS
        or not isinstance(table.get("requirements"), list)
    ):
        raise errors.Invalid(
            f"{source}: the entry {title!r} does not have the right form.",
            hint="It holds `names`, `python` and a list `requirements`.",
        )
    names = table.get("names") or [title]
    return Entry(
        title, tuple(name.lower() for name in names), table.get("python"), tuple(table["requirements"])
    )
