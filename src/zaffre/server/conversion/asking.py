"""Where a model is loaded to be converted: its own environment and the converters that its libraries need. Pure."""

import dataclasses
import re
from collections.abc import Sequence
from typing import Any

from zaffre.core import errors
from zaffre.server.environments import definitions, no_code

_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")
_LOADED = (
    ("*.ubj", "xgboost"),
    ("*.skops", "no-code-sklearn"),
    ("*.joblib", "no-code-sklearn"),
    ("*.pkl", "no-code-sklearn"),
    ("*.pickle", "no-code-sklearn"),
    ("*.pt2", "pytorch"),
    ("*.pt", "pytorch"),
    ("*.pth", "pytorch"),
    ("*.json", "xgboost"),
    ("*.txt", "lightgbm"),
)
_CONVERTERS = {
    "scikit-learn": ("skl2onnx",),
    "xgboost": ("onnxmltools", "skl2onnx"),
    "xgboost-cpu": ("onnxmltools", "skl2onnx"),
    "lightgbm": ("onnxmltools", "skl2onnx"),
    "torch": ("onnxscript",),
}
# skl2onnx writes truth values where ONNX has integers (histogram gradient boosting), which protobuf 7 refuses.
_ALWAYS = ("onnx", "onnxruntime", "protobuf<7")


def environment(subject: str, files: Sequence[str]) -> dict[str, Any]:
    """The environment that loads a model of these files. Raises Invalid, Unsupported."""
    if any(file.lower().endswith(".onnx") for file in files):
        raise errors.Unsupported(f"{subject} is an ONNX model already.", hint="Deploy it as it is.")
    found = no_code.asked(files, _LOADED)
    if found is None:
        raise errors.Unsupported(
            f"{subject} holds nothing that is converted: {', '.join(sorted(files)[:10])}.",
            hint="Converted are scikit-learn, XGBoost, LightGBM and PyTorch models, MLflow's included."
            " A pickle under another name: give --environment, and the file's ending .pkl.",
        )
    return found


def with_converters(definition: definitions.Definition) -> definitions.Definition:
    """The definition with the converters of the libraries that it names, and onnxruntime to compare by."""
    present = {_name(line) for line in (*definition.pip, *definition.conda)}
    wanted = [
        package for library, packages in _CONVERTERS.items() if library in present for package in packages
    ]
    added = [package for package in dict.fromkeys((*wanted, *_ALWAYS)) if _name(package) not in present]
    if "torch" not in present and "skl2onnx" not in (*added, *present):
        added.append("skl2onnx")
    note = f"For the conversion were added: {', '.join(added)}."
    return dataclasses.replace(
        definition, pip=(*definition.pip, *added), notes=(*definition.notes, *([note] if added else ()))
    )


def _name(line: str) -> str:
    """`scikit-learn` of `scikit_learn==1.5` or of `conda-forge::scikit-learn=1.5`."""
    found = _NAME.match(line.rpartition("::")[2])
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found else ""
