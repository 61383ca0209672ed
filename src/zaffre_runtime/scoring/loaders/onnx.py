"""ONNX models by onnxruntime, on whatever execution providers the environment's build has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, Optional, Union

from zaffre_runtime.scoring import errors
from zaffre_runtime.scoring.loaders import converted, tensors

DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(int16)": "int16",
    "tensor(int8)": "int8",
    "tensor(uint64)": "uint64",
    "tensor(uint32)": "uint32",
    "tensor(uint16)": "uint16",
    "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
    "tensor(string)": "object",
}


def load(path: Path) -> Union[tensors.TensorModel, converted.ConvertedModel]:
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    try:
        import onnxruntime
    except ImportError as error:
        raise errors.ConfigurationError(
            f"{path.name} needs onnxruntime, which is not in the environment: add it to the dependencies."
        ) from error
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(
        "session.intra_op.allow_spinning", "0"
    )  # idle replicas must not burn a core
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit():
        options.intra_op_num_threads = int(threads)
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=onnxruntime.get_available_providers()
        )
    except Exception as error:
        raise errors.ConfigurationError(
            f"{path.name} is not a model that onnxruntime can load: {error}"
        ) from error
    return _model(session, path)


def _model(session: Any, path: Path) -> Union[tensors.TensorModel, converted.ConvertedModel]:
    inputs = [
        tensors.Input(one.name, _dtype(one.type, path), _shape(one.shape)) for one in session.get_inputs()
    ]
    known = converted.facts(session.get_modelmeta().custom_metadata_map)
    if known is not None:
        return converted.ConvertedModel(inputs, session.run, known)
    names = [one.name for one in session.get_outputs()]

    def call(feeds: tensors.Feeds) -> Dict[str, Any]:
        return dict(zip(names, session.run(names, feeds)))

    return tensors.TensorModel(inputs, call)


def _dtype(kind: str, path: Path) -> str:
    if kind not in DTYPES:
        raise errors.ConfigurationError(
            f"{path.name} has an input of type {kind}, which needs a scoring script."
        )
    return DTYPES[kind]


def _shape(shape: Any) -> Optional[tensors.Shape]:
    """Sizes that are names (or absent) are free."""
    if shape is None:
        return None
    return tuple(size if isinstance(size, int) and size > 0 else None for size in shape)
