"""Lines of a pip requirements list: joined, checked, and split into requirements and options.

Called by `definitions`. Pure. What names a file of some machine, or would be expanded from a process environment,
is refused here, because the lines are written by users and solved by the server.
"""

import dataclasses
import re
from collections.abc import Iterable

from packaging import requirements as pep508
from packaging import utils as names

from zaffre.core import errors
from zaffre.server.environments import addresses

# Long spelling of every option that is understood, by each of its spellings.
_OPTIONS = {
    "-i": "--index-url",
    "--index-url": "--index-url",
    "--extra-index-url": "--extra-index-url",
    "-f": "--find-links",
    "--find-links": "--find-links",
    "--trusted-host": "--trusted-host",
    "--no-binary": "--no-binary",
    "--only-binary": "--only-binary",
    "--pre": "--pre",
}
_ADDRESS_OPTIONS = ("--index-url", "--extra-index-url", "--find-links")
_WITHOUT_EFFECT = ("--prefer-binary", "--no-cache-dir", "--upgrade", "-U", "--use-pep517", "--no-index-url")
_OTHER_FILES = ("-r", "--requirement", "-c", "--constraint")
_EDITABLE = ("-e", "--editable")
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9:._*,-]+(?::\d+)?$")
_HASH = re.compile(r"\s--hash[= ](sha(?:256|384|512):[0-9a-f]+)")
_WORD = re.compile(r"(-[^\s=]*)[\s=]*(.*)$")
_COMMENT = re.compile(r"(^|\s+)#.*$")


@dataclasses.dataclass(frozen=True)
class Lines:
    """Checked requirement lines and options, each in the order of the source."""

    requirements: tuple[str, ...]
    options: tuple[str, ...]


def parse(lines: Iterable[str], *, source: str) -> Lines:
    """Check lines as a requirements file has them; `source` names the list in errors. Raises Invalid, Unsupported."""
    wanted: list[str] = []
    options: list[str] = []
    for line in _join(lines):
        if line.startswith("-"):
            option = _option(line, source)
            if option and option not in options:
                options.append(option)
        else:
            wanted.append(_requirement(line, source))
    return Lines(tuple(dict.fromkeys(wanted)), tuple(options))


def project(requirement: str) -> str:
    """The normal name of the project that a checked requirement line asks for: `Scikit_Learn[x]>=1` -> `scikit-learn`."""
    return names.canonicalize_name(pep508.Requirement(_HASH.sub("", f"{requirement} ")).name)


def _join(lines: Iterable[str]) -> list[str]:
    text = "\n".join(lines).replace("\r\n", "\n")
    joined = re.sub(r"\\\n\s*", " ", text)
    stripped = (_COMMENT.sub("", line).strip() for line in joined.split("\n"))
    return [line for line in stripped if line]


def _option(line: str, source: str) -> str:
    word, value = _WORD.match(line).groups()  # type: ignore[union-attr]  # the line starts with "-"
    if word in _WITHOUT_EFFECT:
        return ""
    if word in _OTHER_FILES:
        raise errors.Invalid(
            f"{source}: {line!r} points to another file.", hint="Write that file's lines into this list."
        )
    if word in _EDITABLE:
        raise _local(line, source)
    if word not in _OPTIONS:
        raise errors.Invalid(
            f"{source}: the option {word!r} is not understood.",
            hint=f"Understood are {', '.join(sorted(set(_OPTIONS.values())))}.",
        )
    return _checked_option(_OPTIONS[word], value, source)


def _checked_option(name: str, value: str, source: str) -> str:
    _refuse_expansion(value, source)
    if name == "--pre":
        return name
    if name in _ADDRESS_OPTIONS:
        return f"{name} {addresses.check_remote(value, what=f'{source}: {name}')}"
    if not _PLAIN_VALUE.match(value):
        raise errors.Invalid(f"{source}: {name} {value!r} is not a name.")
    return f"{name} {value}"


def _requirement(line: str, source: str) -> str:
    _refuse_expansion(line, source)
    hashes = _HASH.findall(f" {line}")
    plain = _HASH.sub("", f" {line}").strip()
    try:
        parsed = pep508.Requirement(plain)
    except pep508.InvalidRequirement as error:
        if _looks_local(plain):
            raise _local(line, source) from None
        reason = str(error).splitlines()[0]
        raise errors.Invalid(
            f"{source}: {addresses.redact(line)!r} is not a requirement: {addresses.redact(reason)}.",
            hint="Write it as in `numpy>=1.26,<2`.",
        ) from None
    if parsed.url:
        _check_url(parsed.url, source)
    return " ".join([str(parsed), *(f"--hash={digest}" for digest in hashes)])


def _check_url(url: str, source: str) -> None:
    if "+" in url.partition("://")[0]:
        raise errors.Unsupported(
            f"{source}: {addresses.redact(url)!r} is a repository, whose content no hash can pin.",
            hint="Publish it as a wheel and give its address or name.",
        )
    addresses.check_remote(url, what=f"{source}: the address")


def _looks_local(text: str) -> bool:
    return (
        text.startswith((".", "/", "~", "file:"))
        or "\\" in text
        or text.endswith((".whl", ".tar.gz", ".zip"))
    )


def _local(line: str, source: str) -> errors.Invalid:
    return errors.Invalid(
        f"{source}: {addresses.redact(line)!r} is a local path.",
        hint="Give the package's name, or the http address of its wheel.",
    )


def _refuse_expansion(text: str, source: str) -> None:
    if "${" in text:
        raise errors.Invalid(
            f"{source}: {addresses.redact(text)!r} asks for a variable, and none is filled in here.",
            hint="Write the value itself; give passwords of an index to the server's own pip or uv configuration.",
        )
