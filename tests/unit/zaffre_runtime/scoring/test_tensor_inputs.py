"""Tensors go into loaders as the arrays they are: no body is written, none is read, and answers are those of /score."""

import json
import struct

import hypothesis
import joblib
import numpy as np
import pandas as pd
import pytest
import skl2onnx
from hypothesis import strategies as st
from sklearn import compose, datasets, ensemble, linear_model, pipeline, preprocessing

from zaffre_runtime.scoring import batching, errors, inference, inference_rows
from zaffre_runtime.scoring.loaders import onnx, sklearn, tensors

IRIS = datasets.load_iris()
LOGISTIC = linear_model.LogisticRegression(max_iter=500).fit(IRIS.data, IRIS.target)
ROWS = IRIS.data[::30]


class Asked:
    """As much of an exchange as the scorer touches."""

    is_inference = False

    def __init__(self, body, header=None):
        self.scope, self.method, self.body, self._header = self, "POST", body, header

    def header(self, name):
        return self._header


class Tensors(Asked):
    is_inference = True

    def __init__(self, array, *, binary=True, outputs=(), pad=0):
        given = {
            "name": "x" + " " * pad,
            "shape": list(array.shape),
            "datatype": inference.DATATYPES[array.dtype.name],
        }
        data = array.tobytes() if binary else b""
        given.update({"parameters": {"binary_data_size": len(data)}} if binary else {"data": array.tolist()})
        head = json.dumps({"inputs": [given], "outputs": [{"name": name} for name in outputs]}).encode()
        super().__init__(head + data, str(len(head)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tensors")


@pytest.fixture(scope="module")
def fitted(folder):
    joblib.dump(LOGISTIC, folder / "model.joblib")
    return sklearn.load(folder / "model.joblib")


@pytest.fixture(scope="module")
def exported(folder):
    model = skl2onnx.to_onnx(LOGISTIC, ROWS[:1].astype(np.float32), options={"zipmap": False})
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return onnx.load(folder / "model.onnx")


@pytest.fixture(autouse=True)
def no_body_is_written(monkeypatch, request):
    if "long_way" not in request.node.name:
        monkeypatch.setattr(inference_rows, "body", lambda *_: pytest.fail("a body was written"))


def told(answer, name="output"):
    assert answer.status == 200, answer.body
    found = next(one for one in json.loads(answer.body)["outputs"] if one["name"] == name)
    return np.array(found["data"]).reshape(found["shape"])


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "uint8"])
@pytest.mark.parametrize("binary", [True, False])
def test_numbers_of_every_type_reach_a_fitted_model(fitted, dtype, binary):
    rows = ROWS.astype(dtype)
    (answer,) = batching.Batched(fitted, 64).score([Tensors(rows, binary=binary)])
    np.testing.assert_allclose(told(answer), LOGISTIC.predict_proba(rows.astype(float)), rtol=1e-12)


def test_the_output_s_name_chooses_the_method(fitted):
    (answer,) = batching.Batched(fitted, 64).score([Tensors(ROWS, outputs=["predict"])])
    assert told(answer, "predict").tolist() == LOGISTIC.predict(ROWS).tolist()


def test_arrays_and_bodies_are_joined_in_one_call(fitted, monkeypatch):
    calls = []
    predict = fitted.predict
    monkeypatch.setattr(fitted, "predict", lambda inputs: calls.append(len(inputs)) or predict(inputs))
    plain = Asked(json.dumps({"data": ROWS[:2].tolist()}).encode())
    found = batching.Batched(fitted, 64).score([Tensors(ROWS[2:4]), plain, Tensors(ROWS[4:5].astype("f4"))])
    assert calls == [3]
    np.testing.assert_allclose(json.loads(found[1].body), LOGISTIC.predict_proba(ROWS[:2]), rtol=1e-12)
    np.testing.assert_allclose(told(found[0]), LOGISTIC.predict_proba(ROWS[2:4]), rtol=1e-12)


@pytest.mark.parametrize("pad", range(8))
def test_an_onnx_model_gets_the_caller_s_own_bytes_where_they_are_aligned(exported, pad):
    rows = ROWS.astype(np.float32)
    asked = Tensors(rows, pad=pad)
    request = inference.decode(asked.body, asked.header(""), np)
    (given,) = request.inputs.values()
    (taken,) = exported.from_tensors(request.inputs, None).value.values()
    assert taken.flags.aligned
    assert np.shares_memory(taken, np.frombuffer(asked.body, np.uint8)) is given.flags.aligned
    (answer,) = batching.Batched(exported, 64).score([asked])
    np.testing.assert_allclose(told(answer, "probabilities"), LOGISTIC.predict_proba(rows), rtol=1e-4)


def test_other_numbers_are_turned_into_the_model_s(exported):
    for rows in (ROWS, ROWS.astype(np.int32)):
        (answer,) = batching.Batched(exported, 64).score([Tensors(rows)])
        np.testing.assert_allclose(told(answer, "probabilities"), LOGISTIC.predict_proba(rows), rtol=1e-4)


def test_a_model_that_takes_gaps_gets_them_the_long_way(folder):
    rows = np.where(np.eye(len(IRIS.data), 4) > 0, np.nan, IRIS.data)
    fitted = ensemble.HistGradientBoostingClassifier(max_iter=3).fit(rows, IRIS.target)
    joblib.dump(fitted, folder / "gaps.joblib")
    (answer,) = batching.Batched(sklearn.load(folder / "gaps.joblib"), 64).score([Tensors(rows[:5])])
    np.testing.assert_allclose(told(answer), fitted.predict_proba(rows[:5]), rtol=1e-12)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([[1.5, 2]]), "is of float64, the model takes int8"),
        (np.array([[300, 2]]), "is of int64, the model takes int8"),
        (np.array([[1, 2, 3]], dtype=np.int8), r"has the shape \[1, 3\], the model takes \[any, 2\]"),
    ],
)
def test_numbers_that_would_be_changed_are_refused(array, words):
    model = tensors.TensorModel([tensors.Tensor("x", "int8", (None, 2))], lambda feeds: feeds)
    with pytest.raises(errors.Refused, match=words):
        model.from_tensors({"anything": array}, None)


def test_too_few_values_and_unknown_outputs_are_refused_as_ever(fitted):
    scorer = batching.Batched(fitted, 64)
    for asked, words in (
        (Tensors(ROWS[:, :3]), b"has 3 values, the model takes 4"),
        (Tensors(ROWS, outputs=["magic"]), b"no output 'magic'"),
    ):
        (answer,) = scorer.score([asked])
        assert answer.status == 400
        assert words in answer.body


@hypothesis.given(
    st.lists(st.lists(st.floats(-1e6, 1e6, width=32), min_size=4, max_size=4), min_size=1, max_size=5)
)
@hypothesis.settings(max_examples=25, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
def test_tensors_and_bodies_get_equal_answers(fitted, rows):
    scorer = batching.Batched(fitted, 64)
    binary, written, plain = scorer.score(
        [
            Tensors(np.array(rows)),
            Tensors(np.array(rows), binary=False),
            Asked(json.dumps({"data": rows}).encode()),
        ]
    )
    assert told(binary).tolist() == told(written).tolist() == json.loads(plain.body)


def test_binary_outputs_are_the_model_s_bytes_whatever_their_order():
    request = inference.Request({}, inference.RequestDocument([], parameters={"binary_data_output": True}))
    output = np.arange(6, dtype=">f4").reshape(2, 3).T
    answer = inference.encode(request, {"y": output, "none": np.zeros((0, 2))}, "m", version="1", exec_ms=0.0)
    length = int(dict(answer.headers)[inference.HEADER])
    assert struct.unpack("<6f", answer.body[length:]) == (0, 3, 1, 4, 2, 5)


# Columns by their names, and text


class Columns(Asked):
    """One tensor a column; text is binary."""

    is_inference = True

    def __init__(self, **columns):
        inputs, rest = [], b""
        for name, values in columns.items():
            array = np.asarray(values, dtype=None if not isinstance(values[0], str) else object)
            given = {
                "name": name,
                "shape": [len(array), 1],
                "datatype": inference.DATATYPES[array.dtype.name],
            }
            if array.dtype.kind == "O":
                data = b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in values)
                given["parameters"] = {"binary_data_size": len(data)}
                rest += data
            else:
                given["data"] = array.tolist()
            inputs.append(given)
        head = json.dumps({"inputs": inputs}).encode()
        super().__init__(head + rest, str(len(head)))


NAMED = pd.DataFrame(IRIS.data, columns=list("abcd"))
TOWNS = pd.DataFrame({"age": np.arange(6.0), "town": ["ulm", "bern", "köln"] * 2, "old": [False, True] * 3})


def saved(folder, name, model):
    joblib.dump(model, folder / f"{name}.joblib")
    return sklearn.load(folder / f"{name}.joblib")


def test_columns_by_name_are_put_in_order_and_joined_with_bodies(folder):
    fitted = linear_model.LogisticRegression(max_iter=500).fit(NAMED, IRIS.target)
    model = saved(folder, "named", fitted)
    rows = NAMED[::40]
    given = {name: rows[name].to_numpy() for name in "dcba"}
    wholes = {name: rows[name].to_numpy().astype(np.int16) for name in "abcd"}
    calls = []
    predict = model.predict
    model.predict = lambda inputs: calls.append(len(inputs)) or predict(inputs)
    scorer = batching.Batched(model, 8)
    body = Asked(json.dumps({"data": rows.to_numpy().tolist()}).encode())
    first, second, third = scorer.score([Columns(**given), Columns(**wholes), body])
    assert calls == [3]
    np.testing.assert_array_equal(told(first), fitted.predict_proba(rows))
    np.testing.assert_array_equal(told(second), fitted.predict_proba(rows.astype(int)))
    np.testing.assert_array_equal(json.loads(third.body), fitted.predict_proba(rows))


def test_text_columns_become_the_frame_that_the_model_was_fitted_with(folder):
    chosen = compose.ColumnTransformer(
        [("words", preprocessing.OneHotEncoder(), ["town"]), ("rest", "passthrough", ["old", "age"])]
    )
    fitted = pipeline.make_pipeline(chosen, linear_model.Ridge()).fit(TOWNS, np.arange(6.0))
    scorer = batching.Batched(saved(folder, "frame", fitted), 8)
    given = {name: TOWNS[name].tolist() for name in ("old", "town", "age")}
    (answer,) = scorer.score([Columns(**given)])
    np.testing.assert_array_equal(told(answer), fitted.predict(TOWNS))
    (answer,) = scorer.score([Columns(old=[True], town=["ulm"])])
    assert answer.status == 400
    assert "missing: age" in json.loads(answer.body)["error"]


def test_text_goes_into_a_model_without_names_as_objects(folder):
    words = TOWNS[["town", "town"]].to_numpy().astype(object)
    fitted = pipeline.make_pipeline(preprocessing.OneHotEncoder(), linear_model.Ridge()).fit(
        words, np.arange(6.0)
    )
    scorer = batching.Batched(saved(folder, "words", fitted), 8)
    for asked in (Columns(x=words[:, 0].tolist(), y=words[:, 1].tolist()), Tensors(words, binary=False)):
        (answer,) = scorer.score([asked])
        np.testing.assert_array_equal(told(answer), fitted.predict(words))


@pytest.mark.parametrize("how", ["columns", "words"])
def test_what_is_no_table_goes_the_long_way_and_is_told(folder, how):
    fitted = linear_model.LogisticRegression(max_iter=500).fit(NAMED, IRIS.target)
    scorer = batching.Batched(saved(folder, "refusing", fitted), 8)
    given = {"columns": Columns(a=[1.0], b=[1.0, 2.0], c=[1.0], d=[1.0]), "words": Columns(a=["x"], b=["y"])}
    (answer,) = scorer.score([given[how]])
    assert answer.status == 400
    words = {"columns": "different lengths", "words": "missing: c, d"}
    assert words[how] in json.loads(answer.body)["error"]
