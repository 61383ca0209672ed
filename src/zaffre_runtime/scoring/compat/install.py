"""Puts our AMLRequest and AMLResponse where scripts import them from, whether or not Azure's packages are installed,
and `azureml.core.model` where it is not. Where it is, its `Model.get_model_path` alone is ours: theirs looks below the
working directory, which is the script's folder here.

Only these modules are ours. Whatever else those packages hold stays importable where they are installed,
but their start-up code is not run (Azure's own server configures the process on import); a missing parent is made.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from typing import Any, Dict, List, Optional, Tuple

from zaffre_runtime.scoring.compat import model, request, response

CORE = "azureml.core"
PARENTS = ("azureml.contrib.services", "azureml_inference_server_http.api")
NOT_RUN = ("azureml.contrib.services", "azureml_inference_server_http", "azureml_inference_server_http.api")
MODULES: Dict[str, Tuple[str, ...]] = {
    "aml_request": ("AMLRequest", "rawhttp"),
    "aml_response": ("AMLResponse",),
}


def install() -> None:
    ours = {**vars(request), **vars(response)}
    for parent in PARENTS:
        package = _lineage(parent)
        for short, members in MODULES.items():
            module = types.ModuleType(f"{parent}.{short}")
            for member in members:
                setattr(module, member, ours[member])
            sys.modules[module.__name__] = module
            setattr(package, short, module)
    if CORE in sys.modules:
        return
    if _folders(CORE):
        sys.meta_path.insert(0, _Corrected())
    else:
        _install_core()


def _install_core() -> None:
    """`from azureml.core.model import Model` and `from azureml.core import Model`, for `Model.get_model_path`."""
    core = _lineage(CORE)
    module = types.ModuleType(f"{CORE}.model", "Made by Zaffre for Model.get_model_path in scoring scripts.")
    for name in ("Model", "ModelNotFoundException"):
        setattr(module, name, getattr(model, name))
    sys.modules[module.__name__] = module
    vars(core).update(model=module, Model=model.Model)


class _Corrected(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads the installed `azureml.core.model` when somebody imports it, and corrects it. It takes seconds, so not before."""

    _loader: Any

    def find_spec(
        self, name: str, path: Any = None, target: Any = None
    ) -> Optional[importlib.machinery.ModuleSpec]:
        if name != f"{CORE}.model":
            return None
        sys.meta_path.remove(self)
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            self._loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> Any:
        return self._loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        self._loader.exec_module(module)
        theirs = getattr(module, "Model", None)
        if theirs is not None:
            theirs.get_model_path = staticmethod(model.Model.get_model_path)


def _lineage(name: str) -> types.ModuleType:
    """The package `name`, with every package above it linked to the next."""
    head, _, rest = name.partition(".")
    package = _package(head)
    for short in rest.split("."):
        child = _package(f"{package.__name__}.{short}")
        setattr(package, short, child)
        package = child
    return package


def _package(name: str) -> types.ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    folders = _folders(name)
    if folders and name not in NOT_RUN:
        return importlib.import_module(name)
    made = types.ModuleType(name, "Made by Zaffre so that scoring scripts find aml_request and aml_response.")
    made.__path__ = folders
    sys.modules[name] = made
    return made


def _folders(name: str) -> List[str]:
    """Where an installed package lies; nothing when it is not installed."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError, AttributeError):
        return []
    return list(spec.submodule_search_locations or []) if spec is not None else []
