"""Deployments without a script: which environment scores a model, told by the names of its files. Pure."""

from collections.abc import Sequence
from typing import Any

from zaffre.contracts import online_deployment as contract
from zaffre.core import errors
from zaffre.server.endpoints.online import settings
from zaffre.server.environments import no_code as loading


def environment(deployment: contract.OnlineDeployment, models: Sequence[Sequence[str]]) -> dict[str, Any]:
    """The environment for a deployment that names none. Raises Invalid when nothing here can score its files."""
    if len(models) != 1:
        raise errors.Invalid(
            f"{settings.subject(deployment)}: several models need a script that says how they answer together.",
            hint="Give code_configuration and environment.",
        )
    found = loading.asked(models[0])
    if found is not None:
        return found
    shown = ", ".join(sorted(models[0])[:10])
    raise errors.Invalid(
        f"{settings.subject(deployment)} has no script, and nothing here can score {shown} without one.",
        hint="Served without a script: MLflow, TensorFlow SavedModel, ONNX, scikit-learn (skops, joblib, pickle).",
    )
