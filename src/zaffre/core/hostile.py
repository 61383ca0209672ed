"""File names from strangers: inside archives, manifests and request bodies. Pure text, no file is touched."""

import re
from urllib.parse import unquote


def why(path: str) -> str | None:
    """Why a name inside an archive, a manifest or a request body is refused; None when it is harmless.

    Harmless: relative, normal, with `/` between the parts, and still so after percent-decoding, however often.
    """
    seen = path
    for _ in range(4):
        why = _hostile_once(seen)
        if why is not None:
            return why if seen == path else f"{why} after percent-decoding"
        decoded = unquote(seen, errors="surrogateescape")
        if decoded == seen:
            return None
        seen = decoded
    return "is percent-encoded many times over"


def _hostile_once(path: str) -> str | None:
    if not path:
        return "is empty"
    if any(ord(letter) < 32 or 127 <= ord(letter) < 160 or letter in "\u2028\u2029" for letter in path):
        return "contains a control character"
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in path):
        return "is not valid Unicode"
    if "\\" in path:
        return "contains a backslash"
    if path.startswith("/"):
        return "is absolute"
    if re.match(r"[A-Za-z]:", path):
        return "starts with a drive letter"
    if path.startswith("~"):
        return "starts with '~'"
    return _hostile_parts(path)


def _hostile_parts(path: str) -> str | None:
    parts = path.split("/")
    if ".." in parts:
        return "leaves its folder ('..')"
    if "" in parts or "." in parts:
        return "is not in its shortest form"
    if len(path.encode()) > 1024:
        return "is longer than 1024 bytes"
    if any(len(part.encode()) > 255 for part in parts):
        return "has a part longer than 255 bytes"
    return None
