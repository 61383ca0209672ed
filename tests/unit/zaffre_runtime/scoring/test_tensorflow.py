"""The loader of SavedModels with a stand-in for TensorFlow, which is too large for the development environment.

What it stands in for was seen once with tensorflow-cpu: signatures by name, inputs by `structured_input_signature`.
"""

import json
import sys
import types

import numpy as np
import pytest

from zaffre_runtime.scoring import errors
from zaffre_runtime.scoring.loaders import tensorflow


class Shape:
    def __init__(self, *sizes, rank=None):
        self.rank = len(sizes) if rank is None else None
        self._sizes = sizes

    def as_list(self):
        return list(self._sizes)


class Signature:
    """`call` gets the tensors by name."""

    structured_outputs = {
        "y": types.SimpleNamespace(
            dtype=types.SimpleNamespace(as_numpy_dtype=np.float32), shape=Shape(None, 1)
        )
    }

    def __init__(self, call, **inputs):
        dtypes = {name: types.SimpleNamespace(as_numpy_dtype=dtype) for name, (dtype, _) in inputs.items()}
        specs = {
            name: types.SimpleNamespace(dtype=dtypes[name], shape=shape)
            for name, (_, shape) in inputs.items()
        }
        self.structured_input_signature = ((), specs)
        self._call = call

    def __call__(self, **given):
        return {name: Tensor(array) for name, array in self._call(**given).items()}


class Tensor:
    def __init__(self, array):
        self._array = array

    def numpy(self):
        return self._array


@pytest.fixture
def saved(monkeypatch):
    """Sets what `tf.saved_model.load` finds."""
    found = types.SimpleNamespace(signatures={})

    def load(folder):
        if isinstance(found.signatures, Exception):
            raise found.signatures
        return found

    stand_in = types.SimpleNamespace(
        saved_model=types.SimpleNamespace(load=load),
        constant=lambda array, dtype: np.asarray(array, dtype.as_numpy_dtype),
        errors=types.SimpleNamespace(OpError=type("OpError", (Exception,), {})),
    )
    monkeypatch.setitem(sys.modules, "tensorflow", stand_in)
    return found


def weigh(x):
    return {"y": x @ np.array([[1.0], [2.0], [3.0]], np.float32)}


def weighing():
    return Signature(weigh, x=(np.float32, Shape(None, 3)))


def answer(model, *bodies):
    rows = [model.parse(json.dumps(body).encode()) for body in bodies]
    return model.predict(rows)


def test_the_default_signature_scores_and_requests_are_joined(saved, tmp_path):
    saved.signatures = {"other": Signature(weigh), "serving_default": weighing()}
    model = tensorflow.load(tmp_path)
    assert answer(model, {"data": [[1, 2, 3]]}).tolist() == [[14.0]]
    joined = answer(model, {"data": [[1, 0, 0]]}, {"input_data": {"x": [[0, 1, 0], [0, 0, 1]]}})
    assert joined.tolist() == [[1.0], [2.0], [3.0]]
    told = model.describe()
    assert told.inputs == [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}]
    assert told.outputs == [{"name": "y", "datatype": "FP32", "shape": [-1, 1]}]
    with pytest.raises(errors.Refused, match=r"\[any, 3\]"):
        answer(model, {"data": [[1, 2]]})


def test_several_inputs_and_outputs_go_by_name(saved, tmp_path):
    def both(word, n):
        return {"w": np.char.upper(word.astype(str)), "s": n.sum(axis=1)}

    saved.signatures = {"only": Signature(both, word=(object, Shape(None)), n=(np.int64, Shape(None, 2)))}
    given = {"input_data": {"word": ["ab", "c"], "n": [[1, 2], [3, 4]]}}
    model = tensorflow.load(tmp_path)
    assert model.schemas().input["example"] == {"input_data": {"word": ["text"], "n": [[0, 0]]}}
    found = answer(model, given)
    assert {name: array.tolist() for name, array in found.items()} == {"w": ["AB", "C"], "s": [3, 7]}


@pytest.mark.parametrize(
    ("signatures", "said"),
    [
        ({}, "no signature serving_default (there: none)"),
        ({"a": None, "b": None}, "(there: a, b)"),
        (OSError("SavedModel file does not exist"), "cannot be loaded: SavedModel file does not exist"),
    ],
)
def test_what_cannot_be_served_says_why(saved, tmp_path, signatures, said):
    saved.signatures = signatures
    with pytest.raises(errors.ConfigurationError) as caught:
        tensorflow.load(tmp_path)
    assert said in str(caught.value)


def test_without_tensorflow_the_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(errors.ConfigurationError, match="needs tensorflow"):
        tensorflow.load(tmp_path)
