"""The lock: everything that a build needs to be the same build again. Made once, stored, compared by its digest.

Called by `solving` (makes), `builds` (uses) and `service` (stores). Pure.
"""

import dataclasses
import hashlib
import json
import re
from typing import Any, Self

from packaging import utils as names

from zaffre.core import errors

_FORMAT = 1
_PINNED = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*==\s*(?P<version>[^\s;\\]+)", re.MULTILINE
)
_DIRECT = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*@\s", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class CondaPackage:
    """One package of a channel, by the address and hash of its file, with what linking it needs to know."""

    name: str
    version: str
    build: str
    build_number: int
    subdir: str
    url: str
    sha256: str
    noarch: str = ""
    depends: tuple[str, ...] = ()
    site_packages: str = ""


@dataclasses.dataclass(frozen=True)
class Lock:
    """`python` is the full version; `requirements` pip's hashed text; `conda` is empty or a whole prefix with its Python.

    `stand_in` says which Python stands in for which, `source` which curated name was asked for, `notes` all else that
    was decided differently from what the definition says.
    """

    python: str
    platform: str
    requirements: str
    definition: str
    options: tuple[str, ...] = ()
    conda: tuple[CondaPackage, ...] = ()
    notes: tuple[str, ...] = ()
    stand_in: str | None = None
    source: str | None = None
    image: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @property
    def minor(self) -> str:
        """`3.11` of `3.11.7`."""
        return ".".join(self.python.split(".")[:2])

    def to_json(self) -> str:
        """Canonical JSON: sorted keys, no spaces."""
        content = {"format": _FORMAT, **dataclasses.asdict(self)}
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The lock that `to_json` wrote. Raises Invalid for another format."""
        content: dict[str, Any] = json.loads(text)
        if content.pop("format", None) != _FORMAT:
            raise errors.Invalid("The lock was written by another version of Zaffre.", hint="Lock it again.")
        content["conda"] = tuple(
            CondaPackage(**{**package, "depends": tuple(package["depends"])}) for package in content["conda"]
        )
        content["options"], content["notes"] = tuple(content["options"]), tuple(content["notes"])
        return cls(**content)

    def packages(self) -> dict[str, str]:
        """Every package by normal name with its version; the version of one given by address is empty."""
        held = {package.name: package.version for package in self.conda}
        held.update(
            (str(names.canonicalize_name(found["name"])), "") for found in _DIRECT.finditer(self.requirements)
        )
        for found in _PINNED.finditer(self.requirements):
            held[names.canonicalize_name(found["name"])] = found["version"]
        return held
