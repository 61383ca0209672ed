"""Users' YAML files: read into the nouns, by the rules that the files were written against.

Called by the SDK and the command line, on the machine where the files are; never by the server. Paths are relative to
the file that names them and leave here absolute; nothing is uploaded here.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, TypeVar

import pydantic

from zaffre.contracts import (
    base,
    data,
    environment,
    model,
    online_deployment,
    online_endpoint,
    overrides,
    problems,
    wire,
    workspace,
    yaml_source,
)
from zaffre.core import errors, names

Source = str | os.PathLike[str] | IO[Any] | None
E = TypeVar("E", bound=base.Entity)

_FILE = "file:"


def load_yaml(
    source: Source,
    kind: str,
    *,
    params_override: Iterable[overrides.Override] | None = None,
    relative_origin: str | os.PathLike[str] | None = None,
) -> Any:
    """The entity in a file (path, or open file; None is an empty one). Raises Invalid with every problem and its line."""
    document = yaml_source.Document({}, kind, {}) if source is None else yaml_source.read(source)
    return _Loading(document, kind, _folder(source, relative_origin), params_override or ()).entity()


def load_text(
    text: str, kind: str, *, params_override: Iterable[overrides.Override] | None = None, folder: str = "."
) -> Any:
    """The entity in a YAML text; paths in it are relative to `folder`."""
    document = yaml_source.parse(text)
    return _Loading(document, kind, Path(folder), params_override or ()).entity()


def _folder(source: Source, origin: str | os.PathLike[str] | None) -> Path:
    if origin is not None:
        return Path(origin).parent
    if isinstance(source, str | os.PathLike):
        return Path(source).parent
    name = getattr(source, "name", None)
    return Path(name).parent if isinstance(name, str) else Path()


class _Loading:
    """One file on its way to an entity; gathers what is wrong with it."""

    def __init__(
        self,
        document: yaml_source.Document,
        kind: str,
        folder: Path,
        given: Iterable[overrides.Override],
    ) -> None:
        self.title = document.name
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
        self._check_required()
        entity = self._validate()
        problems.raise_all(self.found, title=self.title, where=self._where)
        if entity is None:
            raise errors.Invalid(f"{self.title} is not valid.")
        return entity

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
                self.found.append(problems.unknown_key((*path, key), known))
            elif value[key] is None and key not in part.MAY_BE_EMPTY:
                del value[key]
                self.found.append(
                    problems.Problem((*path, key), "is empty", "Give a value, or leave the key out.")
                )
        if path and part is environment.Environment and "name" not in value:
            value.pop("version", None)

    def _check_computed(self, path: problems.Path, value: Any) -> None:
        if not isinstance(value, str):
            self.found.append(problems.Problem(path, f"must be text, not {problems.shorten(value)}"))

    def _resolve_paths(self, path: problems.Path, part: type[Any], value: Any) -> None:
        folder = self._folder_of(path)
        for key in part.PATHS:
            text = value.get(key)
            if isinstance(text, str) and text and names.is_local_path(text):
                value[key] = _absolute(folder, text)
                if key in part.MUST_EXIST and not Path(value[key]).exists():
                    self.found.append(
                        problems.Problem((*path, key), f"there is no file or folder {value[key]}")
                    )
        for key in part.CONTENTS:
            if isinstance(value.get(key), str):
                with self._noting((*path, key)):
                    value[key] = yaml_source.read(_absolute(folder, value[key])).data

    def _check_required(self) -> None:
        for key in sorted(self.cls.REQUIRED):
            if key not in self.data and not any(problem.path[:1] == (key,) for problem in self.found):
                self.found.append(problems.Problem((key,), "is required"))

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

    def __init__(self, loading: _Loading, path: problems.Path) -> None:
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


def _absolute(folder: Path, text: str) -> str:
    return os.path.abspath(folder / Path(text.removeprefix("file://").removeprefix(_FILE)).expanduser())


def _fresh(value: Any) -> Any:
    """A copy in which nothing is shared, so that a change through one alias is not seen through another."""
    if isinstance(value, dict):
        return {key: _fresh(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_fresh(item) for item in value]
    return value


def local_files(entity: base.Entity) -> Iterator[tuple[Any, str, str]]:
    """Every local path in an entity, inline ones included: the object that holds it, the attribute, and the path.

    Contents (`conda_file`) are not among them: `inline_contents` reads those.
    """
    for part in _parts_of(entity):
        for key in sorted(type(part).PATHS):
            text = getattr(part, key)
            if isinstance(text, str | os.PathLike) and names.is_local_path(os.fspath(text)):
                yield part, key, os.fspath(text)


def inline_contents(entity: base.Entity) -> None:
    """Replace the path of a conda file by its content, in place. Raises Invalid, and NotFound."""
    for part in _parts_of(entity):
        for key in type(part).CONTENTS:
            text = getattr(part, key)
            if isinstance(text, str | os.PathLike):
                setattr(part, key, yaml_source.read(text).data)


def _parts_of(value: Any) -> Iterator[base.Part]:
    if isinstance(value, base.Part):
        yield value
        for name in type(value).model_fields:
            yield from _parts_of(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _parts_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from _parts_of(item)


Overrides = list[dict[str, Any]] | None
Origin = str | os.PathLike[str] | None


def load_workspace(
    source: Source, *, relative_origin: Origin = None, params_override: Overrides = None
) -> workspace.Workspace:
    """The workspace in a file. Raises Invalid."""
    loaded: workspace.Workspace = load_yaml(
        source, "workspace", params_override=params_override, relative_origin=relative_origin
    )
    return loaded


def load_model(
    source: Source, *, relative_origin: Origin = None, params_override: Overrides = None
) -> model.Model:
    """The model in a file. Raises Invalid."""
    loaded: model.Model = load_yaml(
        source, "model", params_override=params_override, relative_origin=relative_origin
    )
    return loaded


def load_data(
    source: Source, *, relative_origin: Origin = None, params_override: Overrides = None
) -> data.Data:
    """The data asset in a file. Raises Invalid."""
    loaded: data.Data = load_yaml(
        source, "data", params_override=params_override, relative_origin=relative_origin
    )
    return loaded


def load_environment(
    source: Source, *, relative_origin: Origin = None, params_override: Overrides = None
) -> environment.Environment:
    """The environment in a file. Raises Invalid."""
    loaded: environment.Environment = load_yaml(
        source, "environment", params_override=params_override, relative_origin=relative_origin
    )
    return loaded


def load_online_endpoint(
    source: Source, *, relative_origin: Origin = None, params_override: Overrides = None
) -> online_endpoint.OnlineEndpoint:
    """The endpoint in a file. Raises Invalid."""
    loaded: online_endpoint.OnlineEndpoint = load_yaml(
        source, "online-endpoint", params_override=params_override, relative_origin=relative_origin
    )
    return loaded


def load_online_deployment(
    source: Source, *, relative_origin: Origin = None, params_override: Overrides = None
) -> online_deployment.OnlineDeployment:
    """The deployment in a file. Raises Invalid."""
    loaded: online_deployment.OnlineDeployment = load_yaml(
        source, "online-deployment", params_override=params_override, relative_origin=relative_origin
    )
    return loaded
