"""Conda's package specs (`numpy=1.26`, `conda-forge::lightgbm>=4`), taken apart and said again in pip's words.

Called by `definitions` and `substitutes`. Pure; the full grammar is py-rattler's, which solves what goes to a channel.
"""

import dataclasses
import re

from packaging import specifiers

from zaffre.core import errors

_SPEC = re.compile(r"(?:(?P<channel>[^\s\[\]]+?)::)?(?P<name>[A-Za-z0-9_][A-Za-z0-9_.-]*)\s*(?P<rest>.*)$")
_EXACT = re.compile(r"(?P<operator>==?)\s*(?P<version>[^=<>!~,|\s]+)(?:=(?P<build>\S+))?$")
_BARE = re.compile(r"(?P<version>\d[^=<>!~,|\s]*)(?:[\s=]+(?P<build>\S+))?$")
_BRACKET = re.compile(r"\[(?P<body>.*)\]$")
_VERSION_KEY = re.compile(r"version\s*=\s*['\"]?(?P<version>[^'\"\]]+)['\"]?$")


@dataclasses.dataclass(frozen=True)
class MatchSpec:
    """One spec: the package, its version in pip's words (PEP 440; empty is any, None cannot be said), and the rest."""

    text: str
    name: str
    version: str | None
    channel: str = ""
    build: str = ""


def parse(text: str, *, source: str) -> MatchSpec:
    """Take a spec apart. Raises Invalid for what is none."""
    found = _SPEC.match(text.strip())
    if not found:
        raise _invalid(text, source)
    rest, build = found["rest"].strip(), ""
    if bracket := _BRACKET.match(rest):
        key = _VERSION_KEY.match(bracket["body"].strip())
        if not key:
            return MatchSpec(text.strip(), found["name"].lower(), None, found["channel"] or "")
        rest = key["version"].strip()
    if exact := _EXACT.match(rest):
        version, build = _pinned(exact["operator"], exact["version"]), exact["build"] or ""
    elif bare := _BARE.match(rest):
        version, build = f"=={bare['version']}", bare["build"] or ""
    else:
        version = _bounds(rest)
    return MatchSpec(text.strip(), found["name"].lower(), _said(version), found["channel"] or "", build)


def _said(version: str) -> str | None:
    try:
        return str(specifiers.SpecifierSet(version))
    except specifiers.InvalidSpecifier:
        return None


def _pinned(operator: str, version: str) -> str:
    """`=1.2` means 1.2 and what is finer; `==1.2` means 1.2 alone."""
    if operator == "==" or version.endswith("*"):
        return "" if version == "*" else f"=={version}"
    return f"=={version}.*"


def _bounds(rest: str) -> str:
    parts = [part.strip() for part in rest.split(",") if part.strip() not in ("", "*")]
    said = []
    for part in parts:
        if exact := _EXACT.match(part):
            said.append(_pinned(exact["operator"], exact["version"]))
        elif part[0].isdigit():
            said.append(f"=={part}")
        else:
            said.append(re.sub(r"\s+", "", part))
    return ",".join(said)


def _invalid(text: str, source: str) -> errors.Invalid:
    return errors.Invalid(
        f"{source}: {text!r} is not a package spec that is understood.",
        hint="Write it as in `numpy=1.26`, `numpy>=1.26,<2` or `conda-forge::lightgbm`.",
    )
