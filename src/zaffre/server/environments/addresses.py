"""Addresses in definitions, locks, logs and errors: which are allowed, and how they look without their secrets.

Called by every part of the room that prints, stores or accepts an address. Opens no connection.
"""

import re
from collections.abc import Sequence
from urllib import parse

from zaffre.core import errors, redaction

_CONDA_TOKEN = re.compile(r"/t/[^/\s]+(?=/)")


def redact(text: str) -> str:
    """The text with the user part of every address, and conda's `/t/<token>` part, taken out."""
    return _CONDA_TOKEN.sub("/t/***", redaction.user_parts(text, "***@"))


def without_credentials(address: str) -> str:
    """The address as a lock may keep it: the same place, no user, no password, no token."""
    return _CONDA_TOKEN.sub("", redaction.user_parts(address, ""))


def with_credentials(address: str, known: Sequence[str]) -> str:
    """The address as the first of the known ones spells its beginning, when one of them is that beginning."""
    for spelled in known:
        plain = without_credentials(spelled).rstrip("/")
        if plain != spelled.rstrip("/") and address.startswith(f"{plain}/"):
            return spelled.rstrip("/") + address[len(plain) :]
    return address


def check_remote(address: str, *, what: str) -> str:
    """The address, when it is http or https and names a host; a path of this machine raises Invalid."""
    parts = parse.urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise errors.Invalid(
            f"{what} {redact(address)!r} is not an http or https address.",
            hint="An environment may not name files of the machine that builds it.",
        )
    return address
