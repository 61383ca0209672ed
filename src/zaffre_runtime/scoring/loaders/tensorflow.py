"""TensorFlow SavedModels by their signature `serving_default`, or the only one there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List

from zaffre_runtime.scoring import errors
from zaffre_runtime.scoring.loaders import tensors

SIGNATURE = "serving_default"


def load(folder: Path) -> tensors.TensorModel:
    try:
        import tensorflow as tf
    except ImportError as error:
        raise errors.ConfigurationError(
            f"the SavedModel {folder.name} needs tensorflow, which is not in the environment: add it to the dependencies."
        ) from error
    try:
        model = tf.saved_model.load(str(folder))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise errors.ConfigurationError(f"the SavedModel {folder.name} cannot be loaded: {error}") from error
    signatures = dict(model.signatures)
    if SIGNATURE not in signatures and len(signatures) != 1:
        there = ", ".join(sorted(signatures)) or "none"
        raise errors.ConfigurationError(
            f"the SavedModel {folder.name} has no signature {SIGNATURE} (there: {there}):"
            " export it with one, or give a scoring script."
        )
    return _model(model, signatures.get(SIGNATURE) or next(iter(signatures.values())), tf=tf)


def _model(model: Any, signature: Any, *, tf: Any) -> tensors.TensorModel:
    _, named = signature.structured_input_signature
    inputs = [tensors.Tensor(name, _dtype(spec), _shape(spec.shape)) for name, spec in named.items()]

    def call(feeds: tensors.Feeds) -> Dict[str, Any]:
        given = {name: tf.constant(array, dtype=named[name].dtype) for name, array in feeds.items()}
        return {name: tensor.numpy() for name, tensor in signature(**given).items()}

    # A signature holds its model's variables only weakly.
    return tensors.TensorModel(inputs, call, outputs=_outputs(signature), keeps=model)


def _outputs(signature: Any) -> List[tensors.Tensor]:
    named = signature.structured_outputs
    if not isinstance(named, dict):
        return []
    return [tensors.Tensor(name, _dtype(spec), _shape(spec.shape)) for name, spec in named.items()]


def _dtype(spec: Any) -> Any:
    return spec.dtype.as_numpy_dtype


def _shape(shape: Any) -> Any:
    return None if shape.rank is None else tuple(shape.as_list())
