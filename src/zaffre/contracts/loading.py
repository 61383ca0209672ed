"""One YAML document on its way to a noun: tidied, its paths made absolute, checked, every problem gathered.

Called by `files` alone.
"""

import dataclasses
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pydantic

from zaffre.contracts import assets, base, environment, overrides, problems, wire, yaml_source
from zaffre.core import errors, names

_FILE = "file:"
_WEB = re.compile(r"(https?|ftps?)://[^\s/]", re.IGNORECASE)
_SCHEMA = re.compile(r".*/([a-z]+)\.schema\.json", re.IGNORECASE)


class Loading:
    """One file on its way to an entity; gathers what is wrong with it."""

    def __init__(
        self,
        document: yaml_source.Document,
        kind: str,
        folder: Path,
        given: Iterable[overrides.Override],
    ) -> None:
        self.title = document.name
        self.schema = document.data.get("$schema")
        self.kind = kind
        self.data = _fresh(document.data)
        self.set_places = overrides.apply(self.data, overrides.parse(given))
        self.cls = wire.kind_class(kind, self.data)
        # Which file, and which folder its paths are relative to, by the place where it was put in.
        self.documents: dict[problems.Path, tuple[yaml_source.Document, Path]] = {(): (document, folder)}
        self.found: list[problems.Problem] = []

    def entity(self) -> base.Entity:
        """The entity. Raises Invalid with all problems at once."""
        self._put_in_files()
        parts = list(problems.walk(self.cls, self.data))
        for path, part, value in parts:
            self._tidy(path, part, value)
            self._resolve_paths(path, part, value)
            self._check_required(path, part, value)
        entity = self._validate()
        try:
            problems.raise_all(self.found, title=self.title, where=self._where)
        except errors.Invalid as error:
            error.hint = " ".join(filter(None, (error.hint, self._other_noun()))) or None
            raise
        if entity is None:
            raise errors.Invalid(f"{self.title} is not valid.")
        return entity

    def _other_noun(self) -> str | None:
        """What to say where the file is, by its own `$schema`, one of another noun. A file without problems may say so."""
        found = _SCHEMA.fullmatch(self.schema) if isinstance(self.schema, str) else None
        if found is None or found[1].lower().endswith((self.kind.replace("-", ""), "asset")):
            return None
        return f"By its $schema the file is of {found[1]}; this reads files of {self.kind}. Is it the file you meant?"

    def _validate(self) -> base.Entity | None:
        try:
            return self.cls.model_validate(self.data, context={"file": True})
        except pydantic.ValidationError as error:
            self.found += problems.from_pydantic(self.cls, error, self.data)
            return None

    def _put_in_files(self) -> None:
        """Replace `file:./x.yml` by what the file says, where a key may hold one."""
        for key in getattr(self.cls, "FILE_REFERENCES", frozenset()):
            text = self.data.get(key)
            if isinstance(text, str) and text.startswith(_FILE):
                target = self._folder_of((key,)) / text.removeprefix(_FILE)
                with self._noting((key,)):
                    document = yaml_source.read(target)
                    self.data[key] = _fresh(document.data)
                    self.documents[(key,)] = (document, target.parent)

    def _tidy(self, path: problems.Path, part: type[Any], value: Any) -> None:
        """Drop what may be dropped; note unknown and empty keys, and drop those too."""
        known = {*problems.known_keys(part), *part.ALSO_KNOWN}
        for key in list(value):
            if key in part.READ_ONLY and value[key] is not None:
                del value[key]
            elif key in part.COMPUTED:
                self._check_computed((*path, key), value.pop(key))
            elif key not in known:
                del value[key]
                if part.model_config.get("extra") == "forbid":
                    self.found.append(self._unknown((*path, key), part, known))
            elif value[key] is None and key not in part.MAY_BE_EMPTY:
                del value[key]
                self.found.append(
                    problems.Problem((*path, key), "is empty", "Give a value, or leave the key out.")
                )
        if path and part is environment.Environment and "name" not in value:
            value.pop("version", None)

    def _unknown(self, path: problems.Path, part: type[Any], known: Iterable[str]) -> problems.Problem:
        problem = problems.unknown_key(path, known)
        hint = part.HINTS.get(path[-1])
        return dataclasses.replace(problem, hint=hint) if hint else problem

    def _check_computed(self, path: problems.Path, value: Any) -> None:
        if not isinstance(value, str):
            self.found.append(problems.Problem(path, f"must be text, not {problems.shorten(value)}"))

    def _resolve_paths(self, path: problems.Path, part: type[Any], value: Any) -> None:
        folder = self._folder_of(path)
        # A model without a name is known by its content, so the content must be there.
        nameless = path and issubclass(part, assets.Asset) and "name" not in value
        must_exist = part.PATHS if nameless else part.MUST_EXIST
        for key in part.PATHS:
            text = value.get(key)
            if isinstance(text, str):
                with self._noting((*path, key)):
                    value[key] = _resolved(
                        folder, text, must_exist=key in must_exist, or_web=key in part.MUST_EXIST
                    )
        for key in part.CONTENTS:
            if isinstance(value.get(key), str):
                with self._noting((*path, key)):
                    value[key] = yaml_source.read(_absolute(folder, value[key])).data

    def _check_required(self, path: problems.Path, part: type[Any], value: Any) -> None:
        """An inline noun needs less than a file of its own."""
        if path and issubclass(part, base.Entity):
            return
        for key in sorted(part.REQUIRED):
            noted = any(problem.path[: len(path) + 1] == (*path, key) for problem in self.found)
            if key not in value and not noted:
                self.found.append(problems.Problem((*path, key), "is required"))

    def _folder_of(self, path: problems.Path) -> Path:
        return self._document_of(path)[1][1]

    def _document_of(self, path: problems.Path) -> tuple[problems.Path, tuple[yaml_source.Document, Path]]:
        for length in range(len(path), 0, -1):
            if path[:length] in self.documents:
                return path[:length], self.documents[path[:length]]
        return (), self.documents[()]

    def _where(self, problem: problems.Problem) -> str:
        if any(place == problem.path[: len(place)] for place in self.set_places):
            return "--set "
        start, (document, _) = self._document_of(problem.path)
        if not document.lines:
            return ""
        return f"{document.name}:{document.line(problem.path[len(start) :])}: "

    def _noting(self, path: problems.Path) -> "_Noting":
        return _Noting(self, path)


class _Noting:
    """Turns an error about another file into a problem of the key that names it."""

    def __init__(self, loading: Loading, path: problems.Path) -> None:
        self.loading, self.path = loading, path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> bool:
        if not isinstance(error, errors.ZaffreError):
            return False
        # The value is left out, so that the checks after this one do not complain about it as well.
        holder: Any = self.loading.data
        for step in self.path[:-1]:
            holder = holder[step]
        holder.pop(self.path[-1], None)
        problem = problems.Problem(self.path, error.detail.rstrip("."), error.hint)
        self.loading.found.append(problem)
        return True


def _resolved(folder: Path, text: str, *, must_exist: bool, or_web: bool) -> str:
    """A local path made absolute; an address as it is. Raises Invalid."""
    if not text:
        raise errors.Invalid("the path is empty")
    if not names.is_local_path(text):
        if or_web and not _WEB.match(text):
            raise errors.Invalid(f"{problems.shorten(text)} is neither a local path nor a web address")
        return text
    path = _absolute(folder, text)
    if must_exist and not os.path.lexists(path):
        raise errors.Invalid(f"there is no file or folder {path}")
    return path


def _absolute(folder: Path, text: str) -> str:
    try:
        return str((folder / text.removeprefix("file://").removeprefix(_FILE)).resolve())
    except (OSError, ValueError) as error:
        raise errors.Invalid(f"{problems.shorten(text)} is not a path: {error}") from None


def _fresh(value: Any) -> Any:
    """A copy in which nothing is shared, so that a change through one alias is not seen through another."""
    if isinstance(value, dict):
        return {key: _fresh(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_fresh(item) for item in value]
    return value
