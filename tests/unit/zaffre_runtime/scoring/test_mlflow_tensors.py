"""Tensors for an MLflow model become the very table that the same tensors in a body of /score become."""

import types

import hypothesis
import mlflow
import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from mlflow.types import schema

from zaffre_runtime.scoring import errors, inference, inference_rows
from zaffre_runtime.scoring.loaders import mlflow as loader

NAMES = ("a", "b", "c")
NUMBERS = ("float32", "float64", "float16", "int8", "int32", "int64", "uint8", "uint64", "bool")
TEXTS = st.text(max_size=5)


def model(*kinds):
    """A model with a signature of these kinds (none: without one) that answers with the table it was given."""
    columns = [schema.ColSpec(kind, name) for kind, name in zip(kinds, NAMES, strict=False)]
    given = schema.Schema(columns) if columns else None
    metadata = types.SimpleNamespace(get_input_schema=lambda: given, flavors={"sklearn": {}})
    return loader.MlflowModel(
        types.SimpleNamespace(metadata=metadata, predict=lambda table, params=None: table), mlflow
    )


MODELS = {
    "doubles": model("double", "double", "double"),
    "floats": model("float", "double", "float"),
    "mixed": model("string", "long", "double"),
    "integers": model("integer", "long", "boolean"),
    "without": model(),
}


def long_way(taker, named):
    document = inference.RequestDocument(inputs=[])
    return taker.parse(inference_rows.body(inference.Request(named, document), None))


def assert_same(taker, named):
    short = taker.from_tensors(named, None)
    if short is None:
        return False
    long = long_way(taker, named)
    one, other = taker.predict([short]), taker.predict([long])
    assert short.size == long.size
    if isinstance(other, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    else:
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype
    return True


def column(rows):
    def of(dtype):
        return arrays.arrays(dtype, st.sampled_from([(rows,), (rows, 1)]))

    texts = st.lists(TEXTS | TEXTS.map(str.encode), min_size=rows, max_size=rows).map(objects)
    return st.one_of(st.sampled_from(NUMBERS).flatmap(of), texts)


def objects(values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


TABLES = st.integers(1, 3).flatmap(lambda rows: st.fixed_dictionaries(dict.fromkeys(NAMES, column(rows))))


@pytest.mark.parametrize("name", MODELS)
@hypothesis.given(TABLES, st.permutations(NAMES))
@hypothesis.settings(max_examples=25, deadline=None)
def test_columns_make_the_table_that_a_body_makes(name, table, order):
    with np.errstate(over="ignore"):
        try:
            assert_same(MODELS[name], {column: table[column] for column in order})
        except errors.Refused:
            pytest.fail("what the body refuses must not be taken")


@pytest.mark.parametrize("name", MODELS)
@hypothesis.given(
    st.sampled_from(NUMBERS).flatmap(
        lambda kind: arrays.arrays(kind, st.tuples(st.integers(1, 3), st.just(3)))
    )
)
@hypothesis.settings(max_examples=15, deadline=None)
def test_rows_make_the_table_that_a_body_makes(name, rows):
    with np.errstate(over="ignore"):
        assert_same(MODELS[name], {"x": rows})


def test_the_short_way_is_taken():
    texts = {
        "a": objects(["x", b"y"]),
        "b": np.array([1, 2], np.int32),
        "c": np.array([[0.5], [1.5]], np.float32),
    }
    assert assert_same(MODELS["mixed"], texts)
    assert assert_same(MODELS["doubles"], {name: np.ones(2, np.float32) for name in NAMES})
    assert assert_same(MODELS["floats"], {"x": np.ones((2, 3), np.int64)})
    assert assert_same(MODELS["without"], {"x": np.ones((2, 5), np.float32)})


@pytest.mark.parametrize(
    "named",
    [
        {"x": np.ones(3)},
        {"x": np.ones((2, 4))},
        {"x": np.full((1, 3), np.nan)},
        {"a": np.ones(2), "b": np.ones(3), "c": np.ones(2)},
        {"a": np.ones((2, 2)), "b": np.ones(2), "c": np.ones(2)},
        {"columns": np.ones(1), "data": np.ones(1)},
    ],
)
def test_what_makes_no_table_goes_the_long_way(named):
    assert MODELS["doubles"].from_tensors(named, None) is None


def test_bodies_and_tensors_share_a_call():
    taker = MODELS["doubles"]
    inputs = [
        taker.parse(b'{"input_data": [[1, 2, 3]]}'),
        taker.from_tensors({"x": np.full((2, 3), 4.5)}, None),
    ]
    assert inputs[0].key == inputs[1].key
    assert taker.predict(inputs).to_numpy().tolist() == [[1, 2, 3], [4.5, 4.5, 4.5], [4.5, 4.5, 4.5]]
