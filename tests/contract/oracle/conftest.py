"""Microsoft's own loader as the oracle: one file, two readers, the same verdict and the same values.

Loading their package takes more than a second, so it happens once, and its warnings are its own affair.
"""

import dataclasses
import enum
import logging
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pydantic
import pytest

from zaffre.contracts import base, files, values
from zaffre.core import errors, names


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What one reader made of a file: an entity, or the reason why not."""

    entity: Any = None
    refusal: str | None = None

    @property
    def accepted(self) -> bool:
        return self.refusal is None


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Both outcomes, and where the values differ when both accepted."""

    ours: Outcome
    theirs: Outcome
    differences: list[str]


class Oracle:
    """Both readers side by side."""

    def __init__(self, loaders: dict[str, Callable[..., Any]]) -> None:
        self._loaders = loaders

    def compare(self, kind: str, path: Path, overrides: list[dict[str, Any]] | None = None) -> Comparison:
        ours = self.ours(kind, path, overrides)
        theirs = self.theirs(kind, path, overrides)
        both = ours.accepted and theirs.accepted
        found = list(_differences(ours.entity, theirs.entity, path.parent)) if both else []
        return Comparison(ours, theirs, found)

    def ours(self, kind: str, path: Path, overrides: list[dict[str, Any]] | None = None) -> Outcome:
        try:
            return Outcome(files.load_yaml(path, kind, params_override=overrides))
        except errors.ZaffreError as error:
            return Outcome(refusal=str(error))

    def theirs(self, kind: str, path: Path, overrides: list[dict[str, Any]] | None = None) -> Outcome:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # experimental fields warn; that is no part of the verdict
                return Outcome(self._loaders[kind](source=str(path), params_override=overrides))
        except Exception as error:  # their loader refuses with a dozen types, crashes included
            return Outcome(refusal=f"{type(error).__name__}: {error}")


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # their package and its dependencies warn while they are imported
        import azure.ai.ml as theirs
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    return Oracle(
        {
            "workspace": theirs.load_workspace,
            "model": theirs.load_model,
            "data": theirs.load_data,
            "environment": theirs.load_environment,
            "online-endpoint": theirs.load_online_endpoint,
            "online-deployment": theirs.load_online_deployment,
        }
    )


# Ours alone, or computed by a server.
_NOT_COMPARED = {
    "zaffre",
    "status",
    "subscription",
    "outbound_rules",
    "firewall_sku",
    "user_assigned_identities",
}
_NAMES = {"name", "endpoint_name"}
_REFERENCES = {"model", "environment", "compute"}
_PATHS = {"path", "code", "scoring_script"}
_CASES = {"type", "isolation_mode"}


def _differences(ours: Any, theirs: Any, folder: Path, place: str = "") -> Any:
    if isinstance(ours, base.Part):
        for name, field in type(ours).model_fields.items():
            if name not in _NOT_COMPARED and not _anonymous(ours, name):
                there = _attribute(theirs, name)
                here = getattr(ours, name)
                if field.annotation == dict[str, str]:
                    there = {values.as_text(key): values.as_text(item) for key, item in (there or {}).items()}
                yield from _differences(here, there, folder, f"{place}.{name}")
    elif isinstance(ours, dict) and any(
        isinstance(item, pydantic.BaseModel | None) for item in ours.values()
    ):
        for key, item in ours.items():
            yield from _differences(item, _attribute(theirs, key), folder, f"{place}.{key}")
    elif isinstance(ours, list) and ours and isinstance(ours[0], base.Part):
        for index, item in enumerate(ours):
            yield from _differences(item, theirs[index], folder, f"{place}.{index}")
    elif not _same(ours, theirs, folder, place.rpartition(".")[2]):
        yield f"{place}: ours {ours!r}, theirs {theirs!r}"


def _anonymous(ours: Any, name: str) -> bool:
    """Their reader invents a name and a version for what has none."""
    return name in ("name", "version") and getattr(ours, "name", "") is None


def _attribute(theirs: Any, name: str) -> Any:
    if isinstance(theirs, Mapping) and not hasattr(theirs, name):
        return theirs.get(name)
    return getattr(theirs, "_system_metadata" if name == "system_metadata" else name, None)


def _same(ours: Any, theirs: Any, folder: Path, name: str) -> bool:
    if ours in (None, {}, [], False) and theirs in (None, {}, "", [], False):
        return True
    if name in _NAMES:
        return str(ours).lower() == str(theirs).lower()
    if name in _REFERENCES:
        return str(ours).removeprefix(names.PREFIX) == str(theirs).removeprefix(names.PREFIX)
    if name in _PATHS and isinstance(ours, str):
        return _same_path(ours, theirs, folder)
    if name in _CASES and isinstance(theirs, str):
        return ours == values.snake(theirs)
    if name in ("traffic", "mirror_traffic"):
        return bool(ours == {key.lower(): share for key, share in (theirs or {}).items()})
    if isinstance(theirs, enum.Enum):
        theirs = theirs.value
    if isinstance(ours, dict) and isinstance(theirs, dict):
        theirs = {key if isinstance(key, str) else str(key): item for key, item in theirs.items()}
    return bool(ours == theirs) or repr(ours) == repr(theirs)  # a NaN is not equal to itself


def _same_path(ours: str, theirs: Any, folder: Path) -> bool:
    text = os.fspath(theirs)
    if not names.is_local_path(ours):
        return ours == text or text.endswith(os.path.normpath(ours))
    ours, text = ours.replace("file:", ""), text.replace("file:", "")  # rule file-prefix
    return ours == text or Path(ours) == (folder / text).resolve()
