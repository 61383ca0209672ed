"""From a loaded model to ONNX bytes, by the converter of its library. Called by `convert`, once for each type of number.

Each writer raises CannotError with the install command when its converter is not there, and whatever the converter raises.
"""

from __future__ import annotations

import importlib
import io
import sys
from importlib import metadata
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from zaffre_runtime.tools import models, samples, task

INPUT = "input"
FLOATS = {"float": "FloatTensorType", "double": "DoubleTensorType"}


class Written(NamedTuple):
    """`proto` is an onnx.ModelProto; `by_column` says that every column is an input of its own."""

    proto: Any
    by_column: bool
    converters: Dict[str, str]


def write(model: models.UserModel, sample: samples.Sample, *, numbers: str, opset: Optional[int]) -> Written:
    """`numbers` is float or double."""
    _need("onnx", model)
    if model.framework == "torch":
        return _torch(model, sample, opset)
    if model.framework == "sklearn":
        return _sklearn(model, sample, numbers, opset)
    return _boosted(model, numbers, opset)


def picks_by_name(model: Any) -> bool:
    """Whether a part of the model (a ColumnTransformer) picks its columns by name."""
    parts = [model, *(model.get_params(deep=True).values() if hasattr(model, "get_params") else ())]
    return any(hasattr(part, "transformers") and hasattr(part, "remainder") for part in parts)


def _sklearn(model: models.UserModel, sample: samples.Sample, numbers: str, opset: Optional[int]) -> Written:
    skl2onnx = _need("skl2onnx", model)
    target: Any = opset
    if _register_boosters(skl2onnx):
        target = {"": opset or skl2onnx.get_latest_tested_opset_version(), "ai.onnx.ml": 3}
    by_column = bool(model.columns) and picks_by_name(model.model)
    options = {"zipmap": False} if "predict_proba" in model.methods else {}
    proto = skl2onnx.convert_sklearn(
        model.model,
        initial_types=_types(model, sample, numbers, by_column=by_column),
        target_opset=target,
        options={id(model.model): options} if options else None,
    )
    return Written(proto, by_column, versions("skl2onnx", "onnx"))


def _types(
    model: models.UserModel, sample: samples.Sample, numbers: str, *, by_column: bool
) -> List[Tuple[str, Any]]:
    types = importlib.import_module("skl2onnx.common.data_types")
    plain = getattr(types, FLOATS[numbers])
    if not by_column:
        if not sample.numeric:
            return [(INPUT, types.StringTensorType([None, model.width]))]
        return [(INPUT, plain([None, model.width]))]
    assert model.columns is not None
    kinds = [_is_text([row[index] for row in sample.rows]) for index in range(len(model.columns))]
    return [
        (name, types.StringTensorType([None, 1]) if text else plain([None, 1]))
        for name, text in zip(model.columns, kinds)
    ]


def _is_text(values: List[Any]) -> bool:
    return any(isinstance(value, str) for value in values)


BOOSTERS = (("xgboost", "XGB", "XGBoost"), ("lightgbm", "LGBM", "LightGbm"))


def _register_boosters(skl2onnx: Any) -> bool:
    """Let skl2onnx write the boosters that stand inside a pipeline, if onnxmltools is there. Whether there are any."""
    found = False
    shapes = importlib.import_module("skl2onnx.common.shape_calculator")
    for library, prefix, word in BOOSTERS:
        if library not in sys.modules:
            continue
        try:
            written = importlib.import_module(f"onnxmltools.convert.{library}.operator_converters.{word}")
        except ImportError:
            return found
        found = True
        for kind in ("Classifier", "Regressor"):
            classifies = {"nocl": [True, False], "zipmap": [True, False, "columns"]}
            skl2onnx.update_registered_converter(
                getattr(sys.modules[library], prefix + kind),
                prefix + kind,
                getattr(shapes, f"calculate_linear_{kind.lower()}_output_shapes"),
                getattr(written, f"convert_{library}"),
                options=classifies if kind == "Classifier" else {"split": None},
            )
    return found


def _boosted(model: models.UserModel, numbers: str, opset: Optional[int]) -> Written:
    onnxmltools = _need("onnxmltools", model)
    types = importlib.import_module("onnxmltools.convert.common.data_types")
    given = [(INPUT, getattr(types, FLOATS[numbers])([None, model.width]))]
    if model.framework == "lightgbm":
        proto = onnxmltools.convert_lightgbm(
            model.model, initial_types=given, target_opset=opset, zipmap=False
        )
    else:
        _number_features(model.model)
        proto = onnxmltools.convert_xgboost(model.model, initial_types=given, target_opset=opset)
    return Written(proto, False, versions("onnxmltools", "skl2onnx", "onnx", model.framework))


def _number_features(model: Any) -> None:
    """The converter reads the trees' features as f0, f1, ...: names of columns are taken off the booster first."""
    booster = model.get_booster() if hasattr(model, "get_booster") else model
    booster.feature_names = None


def _torch(model: models.UserModel, sample: samples.Sample, opset: Optional[int]) -> Written:
    import numpy as np
    import torch

    _need("onnxscript", model)
    rows = torch.from_numpy(np.asarray(sample.rows[:2], dtype=np.float32))
    target = io.BytesIO()
    said = {"opset_version": opset} if opset else {}
    torch.onnx.export(
        model.model,
        (rows,),
        target,
        input_names=[INPUT],
        output_names=["output"],
        dynamo=not isinstance(model.model, torch.jit.ScriptModule),
        **(
            {"dynamic_axes": {INPUT: {0: "rows"}, "output": {0: "rows"}}}
            if isinstance(model.model, torch.jit.ScriptModule)
            else {"dynamic_shapes": ({0: torch.export.Dim("rows")},)}
        ),
        **said,
    )
    onnx = importlib.import_module("onnx")
    return Written(onnx.load_from_string(target.getvalue()), False, versions("torch", "onnxscript", "onnx"))


def _need(package: str, model: models.UserModel) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise task.CannotError(
            "unsupported",
            f"A model of type {model.kind} is converted by {package}, which the environment does not hold ({error}).",
            hint=f"Add it to the environment: pip install {package}.",
        ) from error


def versions(*packages: str) -> Dict[str, str]:
    """The versions of those that are installed."""
    found: Dict[str, str] = {}
    for package in packages:
        try:
            found[package] = metadata.version(models.PACKAGES.get(package, package))
        except metadata.PackageNotFoundError:
            continue
    return found
