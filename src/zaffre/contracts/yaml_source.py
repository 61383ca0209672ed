"""YAML as people write it: read with the line of every key, refused with a sentence, written again.

Called by `files` and by entities that are dumped. Knows nothing of the nouns.
"""

import dataclasses
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import yaml

from zaffre.core import errors

MAX_BYTES = 16 << 20
MAX_NODES = 200_000

Steps = tuple[str | int, ...]
_PLACEHOLDER = "If the line holds a placeholder such as {{NAME}}, write its value there."


@dataclasses.dataclass(frozen=True)
class Document:
    """A mapping that was read, its name for messages, and the line (from 1) of each key in it."""

    data: dict[Any, Any]
    name: str
    lines: dict[Steps, int]

    def line(self, path: Steps) -> int:
        """The line of a key, or of the nearest mapping around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(source: str | os.PathLike[str] | IO[Any]) -> Document:
    """Read one file, or an open one. Raises Invalid, and NotFound when the file does not exist."""
    name, text = _text_of(source)
    return parse(text, name=name)


def parse(text: str, *, name: str = "<text>") -> Document:
    """Read a text. Raises Invalid unless it is one mapping with distinct keys."""
    try:
        data, lines = _compose(text, name)
    except yaml.YAMLError as error:
        raise _syntax_error(error, text, name) from None
    except RecursionError:
        raise errors.Invalid(f"{name}: the YAML is nested too deeply.") from None
    except ValueError as error:  # such as the date 2024-13-45
        raise errors.Invalid(f"{name}: a value cannot be read: {error}.") from None
    if data is None:
        raise errors.Invalid(f"{name}: the file is empty.", hint="It must be a mapping of keys to values.")
    if not isinstance(data, dict):
        kind = "a list" if isinstance(data, list) else "a single value"
        raise errors.Invalid(f"{name}: the file is {kind}.", hint="It must be a mapping of keys to values.")
    return Document(data, name, lines)


def _compose(text: str, name: str) -> tuple[Any, dict[Steps, int]]:
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        lines = _check(node, name)
        return (loader.construct_document(node) if node is not None else None), lines
    finally:
        loader.dispose()


def write(data: dict[str, Any], dest: str | os.PathLike[str] | IO[str]) -> None:
    """Write a mapping as YAML, keys in the order given."""
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True)
    if isinstance(dest, str | os.PathLike):
        Path(dest).write_text(text, encoding="utf-8")
    else:
        dest.write(text)


def _text_of(source: str | os.PathLike[str] | IO[Any]) -> tuple[str, str]:
    if isinstance(source, str | os.PathLike):
        name, raw = os.fspath(source), _bytes_of(Path(source))
    else:
        name, raw = str(getattr(source, "name", "<stream>")), source.read(MAX_BYTES + 1)
    if len(raw) > MAX_BYTES:
        raise errors.Invalid(f"{name}: the file is larger than {MAX_BYTES >> 20} MiB.")
    if isinstance(raw, str):
        return name, raw
    try:
        return name, raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise errors.Invalid(f"{name}: the file is not UTF-8 text (byte {error.start}).") from None


def _bytes_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise errors.NotFound(f"The file {path} does not exist.", hint="Check the path.") from None
    except IsADirectoryError:
        raise errors.Invalid(f"{path} is a folder.", hint="Name the YAML file in it.") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise errors.Invalid(f"The file {str(path)!r} cannot be read: {reason}.") from error


def _check(node: yaml.Node | None, name: str) -> dict[Steps, int]:
    """The line of every key; refuses repeated keys, loops, and aliases that multiply."""
    lines: dict[Steps, int] = {}
    stack: list[tuple[Steps, yaml.Node, tuple[int, ...]]] = [((), node, ())] if node is not None else []
    count = 0
    while stack:
        path, current, parents = stack.pop()
        count += 1
        if count > MAX_NODES:
            raise errors.Invalid(
                f"{name}: the YAML grows to more than {MAX_NODES} values through its aliases."
            )
        if id(current) in parents:
            raise errors.Invalid(f"{name}:{_line(current)}: the alias contains itself.")
        lines.setdefault(path, _line(current))
        inner_parents = (*parents, id(current))
        if isinstance(current, yaml.MappingNode):
            for step, key, value in _items(current, name):
                lines.setdefault((*path, step), _line(key))
                stack.append(((*path, step), value, inner_parents))
        elif isinstance(current, yaml.SequenceNode):
            stack += [((*path, index), item, inner_parents) for index, item in enumerate(current.value)]
    return lines


def _items(node: yaml.MappingNode, name: str) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    seen: dict[tuple[str, str], int] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise errors.Invalid(
                f"{name}:{_line(key)}: a key must be a single word, not a list or mapping.", hint=_PLACEHOLDER
            )
        mark = (key.tag, key.value)
        if mark in seen and key.value != "<<":
            raise errors.Invalid(
                f"{name}:{_line(key)}: the key {key.value!r} is given twice; first in line {seen[mark]}.",
                hint="Keep one of them.",
            )
        seen[mark] = _line(key)
        yield key.value, key, value


def _line(node: yaml.Node) -> int:
    mark = node.start_mark
    return int(mark.line) + 1 if mark is not None else 1


def _syntax_error(error: yaml.YAMLError, text: str, name: str) -> errors.Invalid:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "not valid YAML")
    line = mark.line + 1 if mark is not None else 1
    place = f"{name}:{line}" if mark is not None else name
    rows = text.splitlines()
    row = rows[line - 1] if line <= len(rows) else ""
    if "\t" in row[: len(row) - len(row.lstrip())] or "'\\t'" in what:
        return errors.Invalid(f"{place}: the line is indented with a tab.", hint="YAML takes spaces only.")
    if "but found another document" in what:
        return errors.Invalid(f"{place}: the file holds more than one document.", hint="Keep one of them.")
    return errors.Invalid(
        f"{place}: this is not valid YAML: {what}.", hint=_PLACEHOLDER if "{{" in row else None
    )


def dumps(data: dict[str, Any]) -> str:
    """A mapping as YAML text."""
    text = io.StringIO()
    write(data, text)
    return text.getvalue()
