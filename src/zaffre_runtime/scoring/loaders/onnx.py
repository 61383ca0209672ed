"""ONNX models by onnxruntime, on whatever execution providers the environment's build has."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Union

from zaffre_runtime.scoring import errors
from zaffre_runtime.scoring.loaders import converted, tensors

# Set by the server from the deployment's settings.
PROVIDERS, CORES = "ZAFFRE_ONNX_PROVIDERS", "ZAFFRE_CPU_CORES"

_ON_ANY_THREAD = frozenset(("CPUExecutionProvider", "AzureExecutionProvider"))
"""The second is in every usual build, and only passes on operators that name a remote model."""

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
    options.intra_op_num_threads = _threads(os.environ)
    wanted = _providers(os.environ, onnxruntime.get_available_providers())
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=wanted)
    except Exception as error:
        raise errors.ConfigurationError(
            f"{path.name} is not a model that onnxruntime can load: {error}"
        ) from error
    _demand_providers(os.environ, session.get_providers())
    return _model(session, path)


def _threads(environ: Mapping[str, str]) -> int:
    """As many as the user says, else as many cores as the process may use."""
    said = environ.get("OMP_NUM_THREADS", "")
    if said.isdigit() and int(said):
        return int(said)
    limit = float(environ.get(CORES) or "inf")
    return max(1, min(math.ceil(limit) if math.isfinite(limit) else 1 << 16, len(os.sched_getaffinity(0))))


def _providers(environ: Mapping[str, str], there: List[str]) -> List[str]:
    """The wanted execution providers; all that are there when none is named."""
    wanted = _wanted(environ)
    absent = [name for name in wanted if name not in there]
    if absent:
        raise errors.ConfigurationError(
            f"the execution provider {absent[0]} is not in this environment's onnxruntime;"
            f" there are: {', '.join(there)}. Name one of these, or an environment with another build of onnxruntime."
        )
    return wanted or there


def _demand_providers(environ: Mapping[str, str], taken: List[str]) -> None:
    """onnxruntime falls back to others where one of its build does not start on this machine; the user is told instead."""
    absent = [name for name in _wanted(environ) if name not in taken]
    if absent:
        raise errors.ConfigurationError(
            f"the execution provider {absent[0]} is there, but does not start on this machine;"
            f" started are: {', '.join(taken)}. Its own words are above."
        )


def _wanted(environ: Mapping[str, str]) -> List[str]:
    return [name for name in environ.get(PROVIDERS, "").split(",") if name]


def _model(session: Any, path: Path) -> Union[tensors.TensorModel, converted.ConvertedModel]:
    inputs = [
        tensors.Tensor(one.name, _dtype(one.type, path), _shape(one.shape)) for one in session.get_inputs()
    ]
    outputs = [_output(one) for one in session.get_outputs()]
    known = converted.facts(session.get_modelmeta().custom_metadata_map)
    if known is not None:
        return converted.ConvertedModel(inputs, session.run, known, outputs=outputs, here=_here(session))
    names = [one.name for one in outputs]

    def call(feeds: tensors.Feeds) -> Dict[str, Any]:
        return dict(zip(names, session.run(names, feeds)))

    return tensors.TensorModel(inputs, call, outputs=outputs, here=_here(session))


def _here(session: Any) -> Optional[Callable[[], None]]:
    """A session may be run on any thread, and needs nothing done for it; other providers than the CPU's keep memory for each."""
    return _ready if set(session.get_providers()) <= _ON_ANY_THREAD else None


def _ready() -> None:
    """A thread needs no preparation."""


def _output(one: Any) -> tensors.Tensor:
    """Maps and sequences, which are no tensors, are answered as a text for each row."""
    if one.type not in DTYPES:
        return tensors.Tensor(one.name, "object", None)
    return tensors.Tensor(one.name, DTYPES[one.type], _shape(one.shape))


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
