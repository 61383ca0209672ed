"""Defaults that a person sets once: `zaffre configure --defaults group=... workspace=...`, kept in ZAFFRE_HOME/config."""

import configparser
import os
from collections.abc import Mapping
from pathlib import Path

from zaffre.cli import arguments
from zaffre.core import errors
from zaffre.sdk import connection

NAMES = ("group", "workspace", "subscription", "location", "output")
_SECTION = "defaults"


def path() -> Path:
    """The file of defaults."""
    return connection.home() / "config"


def read() -> dict[str, str]:
    """All defaults that are set. Raises Invalid when the file cannot be read."""
    if not path().is_file():
        return {}
    parser = _parser()
    try:
        parser.read(path(), encoding="utf-8")
    except configparser.Error as error:
        said = str(error).splitlines()[0]
        raise errors.Invalid(f"{path()} is damaged: {said}", hint="Correct or delete it.") from error
    return dict(parser[_SECTION]) if parser.has_section(_SECTION) else {}


def change(given: Mapping[str, str]) -> dict[str, str]:
    """Sets defaults, an empty value forgets one; returns what is set now. Raises Invalid for an unknown name."""
    for name in given:
        if name not in NAMES:
            close = arguments.nearest(name, NAMES)
            hint = f"Did you mean {close}?" if close else f"Known: {', '.join(NAMES)}."
            raise errors.Invalid(f"--defaults: there is no default called {name!r}.", hint=hint)
    merged = {**read(), **given}
    kept = {name: value for name, value in merged.items() if value}
    parser = _parser()
    parser[_SECTION] = kept
    path().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path().with_name(f"config.{os.getpid()}.new")
    with draft.open("w", encoding="utf-8") as stream:
        parser.write(stream)
    draft.replace(path())
    return kept


def _parser() -> configparser.ConfigParser:
    return configparser.ConfigParser(interpolation=None)
