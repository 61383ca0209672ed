"""`azureml.core.model.Model.get_model_path` for scripts of the older period, by the folders that a replica has.

Put in place by `install` where Azure's own package is not installed. Registering and everything else of that class
needs a workspace and is not here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, List, Optional, Tuple, Union

_UNNAMED = "anonymous"  # a model that a deployment gives inline, without a name: any name means it


class ModelNotFoundException(Exception):
    """No model of that name and version lies in this deployment."""


class Model:
    """Knows where the models of this deployment lie; cannot be made here."""

    def __init__(self, *_: Any, **__: Any) -> None:
        raise NotImplementedError(
            "A scoring script cannot reach a workspace. Use Model.get_model_path, or AZUREML_MODEL_DIR."
        )

    @staticmethod
    def get_model_path(model_name: str, version: Union[int, str, None] = None, _workspace: Any = None) -> str:
        """The file or folder that was registered. Without `version`, the newest that this deployment has."""
        lying = models(Path(os.environ.get("AZUREML_MODEL_DIR") or "."))
        fitting = [
            place
            for name, number, place in lying
            if name in (model_name, _UNNAMED) and version in (None, number, _whole(number))
        ]
        if not fitting:
            asked = model_name if version is None else f"{model_name}:{version}"
            here = ", ".join(f"{name}:{number}" for name, number, _ in lying) or "none"
            raise ModelNotFoundException(f"No model {asked} in this deployment. It has: {here}.")
        return str(_registered(fitting[-1]))


def models(folder: Path) -> List[Tuple[str, str, Path]]:
    """(name, version, folder) of every model, the newest version of each name last.

    `folder` is AZUREML_MODEL_DIR: the folder NAME/VERSION of the one model, or the one above all of an ensemble.
    """
    below = [place for place in sorted(folder.glob("*/*")) if place.is_dir()] if _is_root(folder) else []
    found = below or [folder]
    return sorted(((place.parent.name, place.name, place) for place in found), key=_order)


def _is_root(folder: Path) -> bool:
    """Whether models lie below, as NAME/VERSION; the folder of one model is itself two levels below such a one."""
    return folder.name in ("azureml-models", "models")


def _order(item: Tuple[str, str, Path]) -> Tuple[str, int, str]:
    return item[0], _whole(item[1]) or 0, item[1]


def _whole(text: str) -> Optional[int]:
    return int(text) if text.isdigit() else None


def _registered(folder: Path) -> Path:
    """What was registered keeps its own name in the version's folder."""
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 else folder
