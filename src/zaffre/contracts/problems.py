"""Everything that is wrong with one document, gathered, and said at once: which key, what is wrong, what would be right.

Called by the nouns when they are constructed, by `files` and by the REST face. Knows fields, not files: line numbers
are looked up by whoever has the text.
"""

import dataclasses
import difflib
import functools
import posixpath
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pydantic

from zaffre.contracts import manifests
from zaffre.core import errors, hostile, names

Path = tuple[str | int, ...]
MAX_TOLD = 50
_UPLOAD = "Upload the files first; the SDK and the command line do that by themselves."


@dataclasses.dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what, and what to write instead."""

    path: Path
    what: str
    hint: str | None = None

    @property
    def key(self) -> str:
        """`request_settings.request_timeout_ms`, `channels[0]`."""
        text = ""
        for step in self.path:
            text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
        return text


def raise_all(found: Iterable[Problem], *, title: str, where: Callable[[Problem], str] | None = None) -> None:
    """Raise Invalid with every problem on its own line; nothing happens when there are none."""
    listed = sorted(set(found), key=lambda problem: [str(step) for step in problem.path])
    if not listed:
        return
    place = where or (lambda problem: "")
    fields = [{"key": item.key, "what": item.what} for item in listed]
    if len(listed) == 1:
        only = listed[0]
        raise errors.Invalid(_line(place, only, title), hint=only.hint, problems=fields)
    lines = [f"{title} is not valid:"]
    rest = listed[MAX_TOLD:]
    listed = listed[:MAX_TOLD]
    lines += [f"{_line(place, item, title)} {item.hint or ''}".rstrip() for item in listed]
    lines += [f"... and {len(rest)} more."] if rest else []
    raise errors.Invalid("\n".join(lines), problems=fields[:MAX_TOLD])


def _line(place: Callable[[Problem], str], problem: Problem, title: str) -> str:
    where = place(problem)
    # What is wrong with the whole of a file has the file's name in its place already.
    if where and not problem.key:
        return f"{where}{problem.what}."
    return f"{where}{problem.key or title}: {problem.what}."


def to_invalid(cls: type[pydantic.BaseModel], error: pydantic.ValidationError, data: Any) -> errors.Invalid:
    """The error that a constructor raises for what pydantic found."""
    title = _title(cls, data)
    try:
        raise_all(from_pydantic(cls, error, data), title=title)
    except errors.Invalid as invalid:
        return invalid
    return errors.Invalid(f"{title} is not valid.")


def _title(cls: type[pydantic.BaseModel], data: Any) -> str:
    """`online-endpoint churn`; of a part without a name, what its class is called."""
    kind, name = getattr(cls, "KIND", ""), data.get("name") if isinstance(data, Mapping) else None
    if not kind:
        return cls.__name__
    return f"{kind} {name}" if isinstance(name, str) and len(name) <= 60 else kind


def from_pydantic(cls: type[pydantic.BaseModel], error: pydantic.ValidationError, data: Any) -> list[Problem]:
    """Each of pydantic's findings in our words."""
    return [_problem(cls, item, data) for item in error.errors(include_url=False)]


def _problem(cls: type[pydantic.BaseModel], item: Any, data: Any) -> Problem:
    path = _real_path(item["loc"], data)
    kind, context = item["type"], item.get("ctx", {})
    if kind == "extra_forbidden":
        return unknown_key(path, known_keys(part_at(cls, path[:-1], data)))
    if kind == "missing":
        return Problem((*path, item["loc"][-1]), "is required")
    if kind == "value_error":
        return Problem(
            path, item["msg"].removeprefix("Value error, "), getattr(context.get("error"), "hint", None)
        )
    if kind in ("literal_error", "enum"):
        shown = shorten(_value_at(data, path, item["input"]))
        return Problem(path, f"must be {context['expected']}, not {shown}")
    if kind in ("model_type", "model_attributes_type", "dict_type", "union_tag_not_found"):
        return Problem(path, f"must be a mapping, not {shorten(item['input'])}")
    message = item["msg"][:1].lower() + item["msg"][1:]
    return Problem(path, f"{message}, not {shorten(item['input'])}" if "should" in message else message)


def unknown_key(path: Path, known: Iterable[str]) -> Problem:
    """A key that the document must not have, with the one that was probably meant."""
    known = sorted(known)
    key = str(path[-1]) if path else ""
    near = difflib.get_close_matches(key.lower().replace("-", "_"), known, n=1, cutoff=0.6)
    hint = f"Did you mean {near[0]!r}?" if near else f"Known keys here: {', '.join(known)}."
    return Problem(path, f"unknown key {key!r}", hint)


def shorten(value: Any) -> str:
    """A value as an error text shows it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


@dataclasses.dataclass(frozen=True)
class _Key:
    """What a key of a part may hold: the models that its annotation mentions, and whether in a list or mapping."""

    parts: tuple[type[pydantic.BaseModel], ...]
    contained: bool


@functools.cache
def _keys(part: type[pydantic.BaseModel]) -> dict[str, _Key]:
    return {
        name: _Key(tuple(parts_in(field.annotation)), _is_container(field.annotation))
        for name, field in part.model_fields.items()
    }


def known_keys(part: type[pydantic.BaseModel] | None) -> list[str]:
    """What a file may write at the top of this part."""
    if part is None:
        return []
    hidden = getattr(part, "NOT_IN_FILES", frozenset()) | {"status"}
    return [name for name in part.model_fields if name not in hidden]


def parts_in(annotation: Any) -> list[type[pydantic.BaseModel]]:
    """The models that a field's annotation mentions, in its order."""
    inner = typing.get_args(annotation)
    if not inner:
        known = isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel)
        return [annotation] if known else []
    return [part for item in inner for part in parts_in(item)]


def _is_container(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    if origin in (dict, list, tuple):
        return True
    return any(_is_container(inner) for inner in typing.get_args(annotation) if parts_in(inner))


def _choose(
    candidates: tuple[type[pydantic.BaseModel], ...], value: Mapping[Any, Any]
) -> type[pydantic.BaseModel]:
    """The model that a mapping is meant to be: by its `type` where there are several."""
    for part in candidates:
        matches = getattr(part, "matches_type", None)
        if matches is not None and matches(value.get("type")):
            return part
    return candidates[0]


def walk(
    part: type[pydantic.BaseModel], value: dict[Any, Any], path: Path = ()
) -> Iterator[tuple[Path, type[pydantic.BaseModel], dict[Any, Any]]]:
    """Each mapping of a document that one of our models describes, outermost first."""
    yield path, part, value
    keys = _keys(part)
    for name, item in value.items():
        key = keys.get(name)
        if key is None or not key.parts:
            continue
        for inner_path, inner in _mappings(item, (*path, name), contained=key.contained):
            yield from walk(_choose(key.parts, inner), inner, inner_path)


def _mappings(item: Any, path: Path, *, contained: bool) -> Iterator[tuple[Path, dict[Any, Any]]]:
    """The mapping itself, or those in the list or mapping that it is."""
    if not contained:
        pairs: Iterable[tuple[Path, Any]] = [(path, item)]
    elif isinstance(item, dict):
        pairs = [((*path, key), inner) for key, inner in item.items()]
    elif isinstance(item, list):
        pairs = [((*path, index), inner) for index, inner in enumerate(item)]
    else:
        pairs = ()
    for place, inner in pairs:
        if isinstance(inner, dict):
            yield place, inner


def part_at(cls: type[pydantic.BaseModel], path: Path, data: Any) -> type[pydantic.BaseModel] | None:
    """The model that describes the mapping at this place."""
    if isinstance(data, dict):
        for place, part, _ in walk(cls, data):
            if place == path:
                return part
    return cls if not path else None


def _real_path(loc: Iterable[Any], data: Any) -> Path:
    """Where pydantic points, without the names that it gives to the branches of a union."""
    path: list[str | int] = []
    for step in loc:
        if (isinstance(data, Mapping) and step in data) or (
            isinstance(data, list | tuple) and isinstance(step, int) and step < len(data)
        ):
            data = data[step]
        else:
            continue
        path.append(step)
    return tuple(path)


def _value_at(data: Any, path: Iterable[Any], default: Any) -> Any:
    for step in path:
        if (isinstance(data, Mapping) and step in data) or (isinstance(data, list) and isinstance(step, int)):
            data = data[step]
        else:
            return default
    return data


def refuse_local_paths(cls: type[pydantic.BaseModel], body: dict[str, Any]) -> None:
    """Raise Invalid when a body names files of the sender's disk: a server could only read its own."""
    raise_all(local_paths(cls, body), title=str(getattr(cls, "KIND", "") or cls.__name__))


def local_paths(cls: type[pydantic.BaseModel], body: dict[str, Any]) -> Iterator[Problem]:
    """The places of a body that hold a path of the local disk, or a malformed address of a tree."""
    for path, part, value in walk(cls, body):
        for key in getattr(part, "PATHS", frozenset()):
            item = value.get(key)
            if isinstance(item, str):
                yield from _check_address((*path, key), item)
        for key in getattr(part, "INSIDE", frozenset()):
            item = value.get(key)
            why = hostile.why(posixpath.normpath(item)) if isinstance(item, str) else None
            if why is not None:
                yield Problem((*path, key), f"{shorten(item)} {why}", "Name a file inside the folder.")
        for key in getattr(part, "CONTENTS", frozenset()):
            if isinstance(value.get(key), str):
                yield Problem((*path, key), "must be the content of the file, not its path", _UPLOAD)


def _check_address(path: Path, text: str) -> Iterator[Problem]:
    if text.startswith(manifests.SCHEME):
        try:
            manifests.parse_address(text)
        except errors.Invalid as error:
            yield Problem(path, error.detail, error.hint)
    elif text.lower().startswith("zaffre:"):
        yield Problem(path, f"{shorten(text)} is not the address of a stored tree")
    elif names.is_local_path(text):
        yield Problem(
            path,
            f"{shorten(text)} is a path of a local disk",
            _UPLOAD,
        )
