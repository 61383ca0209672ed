"""Addresses without the user and password before their host, for whatever prints or keeps one."""

import re

_USER_PART = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^/\s@'\"]+@")


def user_parts(text: str, instead: str) -> str:
    """The text with the user part of every address in it replaced, the @ behind it included."""
    return _USER_PART.sub(lambda found: found["scheme"] + instead, text)
