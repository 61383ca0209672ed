"""How a deployment's ONNX model runs: `zaffre: {onnx: {...}}` in its file."""

from typing import Annotated

import pydantic

from zaffre.contracts import base, values

PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "vitisai": "VitisAIExecutionProvider",
}
"""Short names, and what onnxruntime calls them. Others are given by onnxruntime's own name."""


def provider(text: str) -> str:
    """onnxruntime's name of an execution provider: `CUDA`, `Vitis AI` and `CUDAExecutionProvider` are all read."""
    plain = text.lower().replace(" ", "").replace("-", "").replace("_", "")
    known = {**PROVIDERS, **{name.lower(): name for name in PROVIDERS.values()}}
    if plain in known:
        return known[plain]
    if text.endswith("ExecutionProvider") and text.isidentifier():
        return text
    raise ValueError(f"{text!r} is no execution provider; known are CPU, CUDA, TensorRT, OpenVINO, Vitis AI")


class OnnxSettings(base.Part):
    """`providers` are tried in this order; all must be there. Without it, every one of the environment's build is used."""

    providers: Annotated[list[Annotated[values.Text, pydantic.AfterValidator(provider)]], values.Items] = []
