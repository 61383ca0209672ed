"""Deployments without a script: which environment scores a model, told by the names of its files. Pure."""

import fnmatch
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from zaffre.contracts import online_deployment as contract
from zaffre.core import errors
from zaffre.server.endpoints.online import settings

MLFLOW_FILES = ("conda.yaml", "python_env.yaml", "requirements.txt")
_CURATED = (
    ("saved_model.pb", "no-code-tensorflow"),
    ("saved_model.pbtxt", "no-code-tensorflow"),
    ("*.onnx", "no-code-onnx"),
    ("*.skops", "no-code-sklearn"),
    ("*.joblib", "no-code-sklearn"),
    ("*.pkl", "no-code-sklearn"),
    ("*.pickle", "no-code-sklearn"),
)


def environment(deployment: contract.OnlineDeployment, models: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The environment for a deployment that names none. Raises Invalid when nothing here can score its files."""
    if len(models) != 1:
        raise errors.Invalid(
            f"{settings.subject(deployment)}: several models need a script that says how they answer together.",
            hint="Give code_configuration and environment.",
        )
    names = [PurePosixPath(path).name for path in models[0]]
    if "MLmodel" in names:
        return {"id": "mlflow", "mlflow": True}
    for pattern, curated in _CURATED:
        if any(fnmatch.fnmatchcase(name, pattern) for name in names):
            return {"id": curated, "curated": curated}
    shown = ", ".join(sorted(models[0])[:10])
    raise errors.Invalid(
        f"{settings.subject(deployment)} has no script, and nothing here can score {shown} without one.",
        hint="Served without a script: MLflow, TensorFlow SavedModel, ONNX, scikit-learn (skops, joblib, pickle).",
    )
