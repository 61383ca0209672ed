"""Which files of a folder stay at home: `.amlignore` in it, else `.gitignore` in it, with git's patterns. Pure but for `read`."""

import re
from collections.abc import Iterable
from pathlib import Path

FILES = (".amlignore", ".gitignore")


class Rules:
    """Patterns in order; the last that fits a path decides."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        self._rules = [rule for rule in map(_rule, lines) if rule is not None]

    def excludes(self, path: str, *, folder: bool = False) -> bool:
        """Whether a path relative to the folder is left out. Ask for each folder above it as well."""
        excluded = False
        for keeps, only_folders, pattern in self._rules:
            if (folder or not only_folders) and pattern.fullmatch(path):
                excluded = not keeps
        return excluded

    def __bool__(self) -> bool:
        return bool(self._rules)


def read(folder: Path, *, also: Iterable[str] = ()) -> Rules:
    """The rules of a folder, after those that hold in any case."""
    for name in FILES:
        file = folder / name
        if file.is_file():
            return Rules([*also, *file.read_text(encoding="utf-8-sig", errors="replace").splitlines()])
    return Rules(also)


def _rule(line: str) -> tuple[bool, bool, re.Pattern[str]] | None:
    text = re.sub(r"(?<!\\)\s+$", "", line)
    if not text or text.startswith("#"):
        return None
    keeps = text.startswith("!")
    text = text[1:] if keeps else text.removeprefix("\\") if text[:2] in ("\\#", "\\!") else text
    only_folders = text.endswith("/")
    text = text.rstrip("/")
    if not text:
        return None
    anchored = "/" in text
    body = _translate(text.lstrip("/"))
    return keeps, only_folders, re.compile(body if anchored else f"(?:.*/)?{body}", re.DOTALL)


def _translate(pattern: str) -> str:
    out, position = [], 0
    while position < len(pattern):
        rest = pattern[position:]
        if rest.startswith("**/"):
            out.append("(?:.*/)?")
            position += 3
        elif rest == "**":
            out.append(".+")
            position += 2
        elif rest.startswith("*"):
            out.append("[^/]*")
            position += len(rest) - len(rest.lstrip("*"))
        else:
            text, length = _letter(rest)
            out.append(text)
            position += length
    return "".join(out)


def _letter(rest: str) -> tuple[str, int]:
    if rest[0] == "?":
        return "[^/]", 1
    if rest[0] == "\\" and len(rest) > 1:
        return re.escape(rest[1]), 2
    match = re.match(r"\[([!^]?)(\]?[^\]]*)\]", rest) if rest[0] == "[" else None
    if match and match[2]:
        inside = match[2].replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace("^", "\\^")
        return f"(?!/)[{'^' if match[1] else ''}{inside}]", match.end()
    return re.escape(rest[0]), 1
