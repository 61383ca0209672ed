"""Users' YAML files: read into the nouns, by the rules that the files were written against.

Called by the SDK and the command line, on the machine where the files are; never by the server. Paths are relative to
the file that names them and leave here absolute; nothing is uploaded here.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Protocol, TypeVar

from zaffre.contracts import (
    base,
    data,
    environment,
    loading,
    model,
    online_deployment,
    online_endpoint,
    overrides,
    workspace,
    yaml_source,
)
from zaffre.core import names

Source = str | os.PathLike[str] | IO[Any] | None
E = TypeVar("E", bound=base.Entity)


def load_yaml(
    source: Source,
    kind: str,
    *,
    params_override: Iterable[overrides.Override] | None = None,
    relative_origin: str | os.PathLike[str] | None = None,
) -> Any:
    """The entity in a file (path, or open file; None is an empty one). Raises Invalid with every problem and its line."""
    document = yaml_source.Document({}, kind, {}) if source is None else yaml_source.read(source)
    return loading.Loading(document, kind, _folder(source, relative_origin), params_override or ()).entity()


def load_text(
    text: str, kind: str, *, params_override: Iterable[overrides.Override] | None = None, folder: str = "."
) -> Any:
    """The entity in a YAML text; paths in it are relative to `folder`."""
    document = yaml_source.parse(text)
    return loading.Loading(document, kind, Path(folder), params_override or ()).entity()


def _folder(source: Source, origin: str | os.PathLike[str] | None) -> Path:
    if origin is not None:
        return Path(origin).parent
    if isinstance(source, str | os.PathLike):
        return Path(source).parent
    name = getattr(source, "name", None)
    return Path(name).parent if isinstance(name, str) else Path()


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


E_co = TypeVar("E_co", bound=base.Entity, covariant=True)


class Load(Protocol[E_co]):
    """Reads one kind of file."""

    def __call__(
        self, source: Source, *, relative_origin: Origin = None, params_override: Overrides = None
    ) -> E_co: ...


def _loader(cls: type[E_co]) -> Load[E_co]:
    def load(source: Source, *, relative_origin: Origin = None, params_override: Overrides = None) -> E_co:
        loaded: E_co = load_yaml(
            source, cls.KIND, params_override=params_override, relative_origin=relative_origin
        )
        return loaded

    load.__name__ = load.__qualname__ = f"load_{cls.KIND.replace('-', '_')}"
    load.__doc__ = f"The {cls.KIND} in a file. Raises Invalid."
    return load


load_workspace = _loader(workspace.Workspace)
load_model = _loader(model.Model)
load_data = _loader(data.Data)
load_environment = _loader(environment.Environment)
load_online_endpoint = _loader(online_endpoint.OnlineEndpoint)
load_online_deployment = _loader(online_deployment.OnlineDeployment)
