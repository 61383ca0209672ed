"""File names from strangers: inside archives, manifests and request bodies. Pure text, no file is touched."""

import re
from urllib.parse import unquote

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_DRIVE = re.compile(r"[A-Za-z]:")


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
    if _CONTROL.search(path):
        return "contains a control character"
    if _SURROGATE.search(path):
        return "is not valid Unicode"
    if "\\" in path:
        return "contains a backslash"
    if path.startswith("/"):
        return "is absolute"
    if _DRIVE.match(path):
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
