"""`--set`, `--add` and `--remove` of update verbs: small changes to a thing that was just read. Pure.

The path grammar is the one of az: `a.b`, `list[0]` (or `list.0`), `list[name=blue].weight`; a key with dots stands in quotes.
"""

import ast
import json
import re
from collections.abc import Sequence
from typing import Any

from zaffre.core import errors

_STEP = re.compile(r'(?:^|\.)(?:"([^"]*)"|([^.\[\]"]+))|\[([^\]]*)\]')


def apply(
    body: dict[str, Any],
    *,
    set_: Sequence[str] = (),
    add: Sequence[Sequence[str]] = (),
    remove: Sequence[Sequence[str]] = (),
    force_string: bool = False,
) -> dict[str, Any]:
    """A changed copy of `body`. Raises Invalid for a path that does not exist or a change that has no sense there."""
    changed: dict[str, Any] = json.loads(json.dumps(body))
    for expression in set_:
        _set(changed, expression, force_string)
    for words in add:
        _add(changed, words, force_string)
    for words in remove:
        _remove(changed, words)
    return changed


def split(expression: str) -> tuple[str, str]:
    """Path and value of `path=value`. Raises Invalid."""
    match = re.match(r'((?:"[^"]*"|\[[^\]]*\]|[^="\[\]])+)=', expression)
    if match is None:
        raise errors.Invalid(f"--set: {expression!r} has no '='.", hint="Write --set key.subkey=value.")
    return match[1].strip(), expression[match.end() :]


def steps(path: str) -> list[str | int | tuple[str, str]]:
    """The parts of a path: a key, an index, or (key, value) that picks from a list. Raises Invalid."""
    found: list[str | int | tuple[str, str]] = []
    position = 0
    for match in _STEP.finditer(path):
        if match.start() != position:
            break
        position = match.end()
        if match[3] is not None:
            found.append(_bracket(match[3], path))
        else:
            found.append(match[1] if match[1] is not None else match[2])
    if not found or position != len(path):
        raise errors.Invalid(f"{path!r} is not a path.", hint="Write key.subkey, or list[0].key.")
    return found


def _bracket(inside: str, path: str) -> int | tuple[str, str]:
    key, equals, value = inside.partition("=")
    if equals:
        return key.strip(), value.strip()
    try:
        return int(inside)
    except ValueError:
        raise errors.Invalid(
            f"{path!r}: [{inside}] is not an index.", hint="Write [0] or [name=value]."
        ) from None


def _value(text: str, *, force_string: bool) -> Any:
    if force_string:
        return text
    try:
        return json.loads(text)
    except ValueError:
        pass  # not JSON; it may be a Python literal, as az allows
    if text in ("True", "False", "None") or text[:1] in "{['\"":
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError):
            return text
    return text


def _set(body: dict[str, Any], expression: str, force_string: bool) -> None:
    path, text = split(expression)
    *before, last = steps(path)
    holder = _walk(body, before, path, create=True)
    _store(holder, last, _value(text, force_string=force_string), path)


def _add(body: dict[str, Any], words: Sequence[str], force_string: bool) -> None:
    if len(words) < 2:
        raise errors.Invalid(
            "--add needs a path and a value.", hint="Write --add list VALUE, or --add list key=value."
        )
    path, *values = words
    *before, last = steps(path)
    holder = _walk(body, before, path, create=True)
    existing = _existing(holder, last)
    if existing is None:
        existing = [] if "=" not in values[0] else {}
        _store(holder, last, existing, path)
    if isinstance(existing, dict):
        existing.update({key: _value(text, force_string=force_string) for key, text in map(split, values)})
    elif isinstance(existing, list):
        existing.extend(_items(values, force_string))
    else:
        raise errors.Invalid(
            f"--add: {path!r} is neither a list nor a mapping.", hint="Use --set to change it."
        )


def _items(values: Sequence[str], force_string: bool) -> list[Any]:
    if all("=" in word and word[:1] not in "{[" for word in values):
        return [{key: _value(text, force_string=force_string) for key, text in map(split, values)}]
    return [_value(word, force_string=force_string) for word in values]


def _remove(body: dict[str, Any], words: Sequence[str]) -> None:
    path = words[0] + (f"[{words[1]}]" if len(words) > 1 else "")
    *before, last = steps(path)
    holder = _walk(body, before, path, create=False)
    try:
        if isinstance(holder, list):
            del holder[_position(holder, last, path)]
        else:
            del holder[last]
    except (KeyError, IndexError, TypeError):
        raise _absent(path, holder) from None


def _walk(body: Any, parts: Sequence[Any], path: str, *, create: bool) -> Any:
    here = body
    for part in parts:
        inside = _existing(here, part)
        if inside is None and create and isinstance(here, dict) and isinstance(part, str):
            inside = here[part] = {}
        if inside is None:
            raise _absent(path, here)
        here = inside
    return here


def _existing(holder: Any, part: Any) -> Any:
    if isinstance(holder, dict):
        return holder.get(part) if isinstance(part, str) else None
    if isinstance(holder, list):
        try:
            return holder[_position(holder, part, str(part))]
        except (IndexError, errors.Invalid):
            return None
    return None


def _position(holder: list[Any], part: Any, path: str) -> int:
    if isinstance(part, int):
        return part
    if isinstance(part, str) and part.isascii() and part.isdigit():
        return int(part)
    if isinstance(part, tuple):
        for index, item in enumerate(holder):
            if isinstance(item, dict) and str(item.get(part[0])) == part[1]:
                return index
    raise errors.Invalid(f"{path!r}: the list has no such item.", hint="Write list[0] or list[name=value].")


def _store(holder: Any, part: Any, value: Any, path: str) -> None:
    if isinstance(holder, dict) and isinstance(part, str):
        holder[part] = value
    elif isinstance(holder, list):
        index = _position(holder, part, path)
        if not -len(holder) <= index < len(holder):
            raise _absent(path, holder)
        holder[index] = value
    else:
        raise errors.Invalid(
            f"--set: {path!r} crosses a value that has no parts.", hint="See `show` for the structure."
        )


def _absent(path: str, holder: Any) -> errors.Invalid:
    there = (
        ", ".join(holder)
        if isinstance(holder, dict)
        else f"{len(holder)} items"
        if isinstance(holder, list)
        else ""
    )
    return errors.Invalid(f"There is nothing at {path!r}.", hint=f"There are: {there}." if there else None)
