"""A user's model, loaded, and what can be asked of it: for tools that run it beside another form of it.

Finds the model as the no-code loaders do. Knows scikit-learn's estimators and what speaks like them (XGBoost, LightGBM),
boosters, and torch modules. Called by the tools.
"""

from __future__ import annotations

import contextlib
import importlib
import pickle
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from zaffre_runtime.tools import task

PICKLES = (".joblib", ".pkl", ".pickle")
PACKAGES = {"sklearn": "scikit-learn"}


class UserModel(NamedTuple):
    """`methods` maps a method's name to what calls it; `default` is the one that the served model answers with."""

    framework: str
    model: Any
    methods: Dict[str, Callable[[Any], Any]]
    default: str
    width: Optional[int]
    columns: Optional[List[str]]
    folder: Path

    @property
    def kind(self) -> str:
        return f"{type(self.model).__module__}.{type(self.model).__qualname__}"


def load(folder: Path) -> UserModel:
    """The one model below the folder. Raises CannotError."""
    described = _shallowest(folder, "MLmodel")
    if described is not None:
        return _from_mlflow(described.parent)
    for suffix in (*PICKLES, ".skops", ".json", ".ubj", ".txt", ".pt2", ".pt", ".pth"):
        found = _shallowest(folder, f"*{suffix}")
        if found is not None:
            return _known(_read(found), folder=found.parent, default=None)
    raise task.CannotError(
        "unsupported",
        f"None of the model's files is one that can be converted: {_listing(folder)}.",
        hint="Converted are MLflow models, pickles, joblib and skops files, XGBoost's .json and .ubj, LightGBM's .txt,"
        " and PyTorch's .pt and .pt2.",
    )


def _shallowest(folder: Path, pattern: str) -> Optional[Path]:
    found = [path for path in folder.rglob(pattern) if path.is_file()]
    return min(found, key=lambda path: (len(path.parts), path.name), default=None)


def _listing(folder: Path) -> str:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return ", ".join(names[:10]) or "there are none"


def _read(path: Path) -> Any:
    readers: Dict[str, Callable[[Path], Any]] = {
        ".skops": _read_skops,
        ".json": _read_xgboost,
        ".ubj": _read_xgboost,
        ".txt": _read_lightgbm,
        ".pt": _read_torch,
        ".pth": _read_torch,
        ".pt2": _read_exported,
    }
    try:
        return readers.get(path.suffix, _read_pickle)(path)
    except ImportError as error:
        raise task.CannotError(
            "invalid",
            f"{path.name} cannot be loaded in this environment: {error}.",
            hint="Name an environment that can load it: --environment NAME:VERSION.",
        ) from error
    except task.CannotError:
        raise
    except Exception as error:
        why = str(error).replace(str(path), path.name)  # where the job keeps it says nothing to its owner
        raise task.CannotError(
            "invalid",
            f"{path.name} cannot be loaded: {type(error).__name__}: {why}.",
            hint="Look whether the file is whole and was written as its name says, by a release of the library like the one in"
            " the environment (--environment NAME:VERSION names another).",
        ) from error


def _read_pickle(path: Path) -> Any:
    try:
        import joblib
    except ImportError:
        return pickle.loads(path.read_bytes())  # noqa: S301 - the model that the user registered, in a job of its own
    return joblib.load(path)


def _read_skops(path: Path) -> Any:
    import skops.io

    strange = skops.io.get_untrusted_types(file=path)
    if strange:
        raise task.CannotError(
            "unsupported", f"{path.name} holds types that skops does not trust: {', '.join(strange)}."
        )
    return skops.io.load(path)


def _read_xgboost(path: Path) -> Any:
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(str(path))
    return booster


def _read_lightgbm(path: Path) -> Any:
    import lightgbm

    return lightgbm.Booster(model_file=str(path))


def _read_torch(path: Path) -> Any:
    import torch

    try:
        return torch.jit.load(str(path))
    except RuntimeError:
        return torch.load(str(path), weights_only=False)


def _read_exported(path: Path) -> Any:
    import torch

    return torch.export.load(str(path)).module()


def _from_mlflow(folder: Path) -> UserModel:
    """By the flavour of the model's own library; what pyfunc answers is the default."""
    import mlflow.models

    described = mlflow.models.Model.load(str(folder))
    for flavor in ("sklearn", "xgboost", "lightgbm", "pytorch"):
        if flavor in described.flavors:
            default = described.flavors[flavor].get("pyfunc_predict_fn") or "predict"
            module = importlib.import_module(f"mlflow.{flavor}")
            return _known(module.load_model(str(folder)), folder=folder, default=default)
    there = ", ".join(sorted(set(described.flavors) - {"python_function"})) or "python_function alone"
    raise task.CannotError(
        "unsupported",
        f"An MLflow model of the flavour {there} cannot be converted to ONNX.",
        hint="Converted are the flavours sklearn, xgboost, lightgbm and pytorch.",
    )


def _known(model: Any, *, folder: Path, default: Optional[str]) -> UserModel:
    """Raises CannotError for what no converter knows."""
    bases = {base.__module__.partition(".")[0] for base in type(model).__mro__}
    if "torch" in bases:
        return _torch_model(model, folder)
    booster = next((name for name in ("xgboost", "lightgbm") if name in bases), None)
    if booster and type(model).__name__ == "Booster":
        return _booster(model, booster, folder)
    if booster or (bases & {"sklearn", "imblearn"}):
        return _estimator(model, booster or "sklearn", folder, default)
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    raise task.CannotError(
        "unsupported",
        f"A model of type {kind} cannot be converted to ONNX.",
        hint="Converted are scikit-learn, XGBoost, LightGBM and PyTorch models.",
    )


def _estimator(model: Any, framework: str, folder: Path, default: Optional[str]) -> UserModel:
    """What it answers without a script is what the loaders of the scoring runtime choose."""
    there = [name for name in ("predict", "predict_proba", "transform") if hasattr(model, name)]
    if not there:
        raise task.CannotError(
            "unsupported", f"A {type(model).__qualname__} has neither predict nor transform."
        )
    if "predict" in there:
        there = [name for name in there if name != "transform"]
    probable = "predict_proba" in there and hasattr(model, "classes_")
    names = getattr(model, "feature_names_in_", None)
    return UserModel(
        framework=framework,
        model=model,
        methods={name: getattr(model, name) for name in there},
        default=default if default in there else "predict_proba" if probable else there[0],
        width=getattr(model, "n_features_in_", None),
        columns=None if names is None else [str(name) for name in names],
        folder=folder,
    )


def _booster(model: Any, framework: str, folder: Path) -> UserModel:
    import numpy as np

    if framework == "lightgbm":
        width, predict = model.num_feature(), model.predict
        names = model.feature_name()
    else:
        xgboost = importlib.import_module("xgboost")
        width, names = model.num_features(), model.feature_names

        def predict(rows: Any) -> Any:
            matrix = xgboost.DMatrix(np.asarray(rows, dtype=np.float32), feature_names=model.feature_names)
            return model.predict(matrix)

    return UserModel(
        framework, model, {"predict": predict}, "predict", width, list(names) if names else None, folder
    )


def _torch_model(model: Any, folder: Path) -> UserModel:
    import numpy as np
    import torch

    with contextlib.suppress(NotImplementedError):  # an exported program stays as it was when it was exported
        model.eval()

    def predict(rows: Any) -> Any:
        with torch.no_grad():
            return model(torch.from_numpy(np.asarray(rows, dtype=np.float32))).numpy()

    first = next((part for part in model.modules() if isinstance(part, torch.nn.Linear)), None)
    width = getattr(first, "in_features", None)
    return UserModel("torch", model, {"predict": predict}, "predict", width, None, folder)
