"""`--set a.b=c`: values that are laid over a document before it is checked. Pure; called by `files`."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from zaffre.core import errors

Override = str | Mapping[str, Any]
Steps = tuple[str | int, ...]

_STEP = re.compile(r"\[(\d+)\]|((?:\\.|[^.\[\]\\])+)")


def parse(given: Iterable[Override]) -> list[tuple[str, Any]]:
    """`a.b=c` texts and `{"a.b": value}` mappings as pairs. Raises Invalid."""
    pairs: list[tuple[str, Any]] = []
    for item in given:
        if isinstance(item, Mapping):
            pairs += [(str(key), value) for key, value in item.items()]
            continue
        key, equals, text = item.partition("=")
        if not equals or not key.strip():
            raise errors.Invalid(
                f"{item!r} sets nothing.", hint="Write --set KEY=VALUE, such as --set tags.stage=test."
            )
        pairs.append((key.strip(), _value(text)))
    return pairs


def apply(data: dict[Any, Any], pairs: Iterable[tuple[str, Any]]) -> list[Steps]:
    """Lay the values over the document, in order; returns the places that were set. Raises Invalid."""
    return [_set(data, key, value) for key, value in pairs]


def steps_of(key: str) -> Steps:
    """`a[0].b`, `a.0.b` and `tags.a\\.b` as the steps to take. Raises Invalid."""
    steps: list[str | int] = []
    for part in re.split(r"(?<!\\)\.", key):
        found = _STEP.findall(part)
        if not part or "".join(f"[{index}]" if index else word for index, word in found) != part:
            raise errors.Invalid(
                f"{key!r} is not a place in a document.", hint="Write it like tags.stage or channels[0]."
            )
        steps += [int(index) if index else re.sub(r"\\(.)", r"\1", word) for index, word in found]
    return tuple(steps)


def _value(text: str) -> Any:
    """Text stays text, so that a version 1.10 stays 1.10; only lists and mappings are read, as JSON."""
    if text[:1] in ("{", "["):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _set(data: dict[Any, Any], key: str, value: Any) -> Steps:
    steps = steps_of(key)
    here: Any = data
    for position, step in enumerate(steps[:-1]):
        here = _enter(here, step, key, wants_list=isinstance(steps[position + 1], int))
    _put(here, steps[-1], value, key)
    return steps


def _enter(here: Any, step: str | int, key: str, *, wants_list: bool) -> Any:
    found = _look(here, step, key)
    if found is None:
        found = [] if wants_list else {}
        _put(here, step, found, key)
    if isinstance(found, str):
        raise errors.Invalid(
            f"--set {key}: {step!r} is the reference {found!r}, which has no keys of its own.",
            hint="Set the whole value, or change the thing that is referred to.",
        )
    if not isinstance(found, dict | list):
        raise errors.Invalid(f"--set {key}: {step!r} is a single value, which has no keys.")
    return found


def _look(here: Any, step: str | int, key: str) -> Any:
    if isinstance(here, dict):
        return here.get(step)
    index = _index(here, step, key)
    return here[index] if index < len(here) else None


def _put(here: Any, step: str | int, value: Any, key: str) -> None:
    if isinstance(here, dict):
        here[step] = value
        return
    index = _index(here, step, key)
    if index < len(here):
        here[index] = value
    else:
        here.append(value)


def _index(here: list[Any], step: str | int, key: str) -> int:
    if not str(step).isdecimal():
        raise errors.Invalid(f"--set {key}: a list has no key {step!r}.", hint="Use a number from 0.")
    index = int(step)
    if index > len(here):
        raise errors.Invalid(f"--set {key}: the list has {len(here)} items, so {index} is too far.")
    return index
