"""Models without a script: each engine, each body shape, answers equal to the library's own, clear 400s."""

import concurrent.futures
import importlib.util
import pickle
import subprocess
import sys
import warnings

import joblib
import mlflow.sklearn
import numpy as np
import onnxruntime
import pandas as pd
import pytest
import skl2onnx
import skops.io
from mlflow.models import infer_signature
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3], [7.7, 3.8, 6.7, 2.2]]


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True, as_frame=True)


@pytest.fixture(scope="module")
def classifier(iris):
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(iris[0].to_numpy(), iris[1])


@pytest.fixture(scope="module")
def joblib_replica(start_shared, classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("joblib") / "model"
    folder.mkdir()
    joblib.dump(classifier, folder / "model.joblib")
    return start_shared(model_dir=str(folder.parent))


def same(answer, expected):
    assert answer.status == 200, answer.body
    np.testing.assert_allclose(answer.json(), expected, rtol=1e-12)


def refused(answer, *words):
    assert answer.status == 400, answer.body
    for word in words:
        assert word in answer.json()["message"]


# scikit-learn


@pytest.mark.parametrize(
    "body",
    [
        {"data": ROWS},
        {"input_data": ROWS},
        {"input_data": {"data": ROWS}},
        {"input_data": {"data": ROWS, "index": [0, 1, 2]}},
    ],
)
def test_a_classifier_answers_probabilities(joblib_replica, classifier, body):
    same(joblib_replica.score(body), classifier.predict_proba(np.array(ROWS)))


def test_methods(joblib_replica, classifier):
    same(joblib_replica.score({"data": ROWS, "method": "predict"}), classifier.predict(np.array(ROWS)))
    same(
        joblib_replica.score({"data": ROWS, "method": "decision_function"}),
        classifier.decision_function(np.array(ROWS)),
    )
    refused(joblib_replica.score({"data": ROWS, "method": "fit"}), "'fit'", "predict_proba")
    refused(joblib_replica.score({"data": ROWS, "method": 7}), "7")


def test_the_query_and_integers(joblib_replica, classifier):
    answer = joblib_replica.ask("GET", "/score?data=%5B%5B5,3,1,0%5D%5D&method=predict")
    same(answer, classifier.predict(np.array([[5.0, 3, 1, 0]])))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "empty"),
        ("nonsense", "JSON"),
        ("[[1, 2, 3, 4]]", "JSON object"),
        ('{"rows": [[1, 2, 3, 4]]}', "`data` or `input_data`"),
        ('{"data": [[1, 2, 3, 4]], "input_data": [[1, 2, 3, 4]]}', "one key"),
        ('{"data": [[1, 2, 3, 4]], "colour": 1}', "'colour'"),
        ('{"data": [[1, 2, 3]]}', "row 0 has 3 values, the model takes 4"),
        ('{"data": [[1, 2, 3, 4], [1]]}', "row 1 has 1 values"),
        ('{"data": []}', "no row"),
        ('{"data": 7}', "a number"),
        ('{"data": [1, 2, 3, 4]}', "array of values"),
        ('{"data": [["a", "b", "c", "d"]]}', "refused the input"),
        ('{"data": [[1, 2, 3, null]]}', "refused the input"),
        ('{"data": [[1, 2, 3, NaN]]}', "NaN"),
        ('{"data": [[1, 2, 3, 1e999]]}', "infinity"),
        ('{"data": ' + "[" * 100_000, "JSON"),
        ('{"input_data": {"columns": "abcd", "data": [[1, 2, 3, 4]]}}', "array of strings"),
        ('{"input_data": {"columns": ["a", "a", "b", "c"], "data": [[1, 2, 3, 4]]}}', "twice"),
    ],
)
def test_bodies_that_do_not_fit(joblib_replica, body, words):
    refused(joblib_replica.ask(body=body), words)


def test_good_and_bad_callers_at_once(joblib_replica, classifier):
    expected = classifier.predict_proba(np.array(ROWS)).tolist()
    bodies = [
        {"data": ROWS[number % 3 : number % 3 + 1]} if number % 4 else {"data": [[1]]} for number in range(80)
    ]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(joblib_replica.score, bodies))
    for number, answer in enumerate(answers):
        if number % 4:
            same(answer, [expected[number % 3]])
        else:
            refused(answer, "the model takes 4")


def test_swagger_knows_the_width(joblib_replica):
    example = joblib_replica.ask("GET", "/swagger.json").json()["definitions"]["ServiceInput"]["example"]
    assert joblib_replica.score(example).status == 200


def test_a_regressor_in_skops(start, tmp_path):
    features, target = load_diabetes(return_X_y=True)
    model = LinearRegression().fit(features, target)
    skops.io.dump(model, tmp_path / "model.skops")
    replica = start(model_dir=str(tmp_path))
    same(replica.score({"data": features[:3].tolist()}), model.predict(features[:3]))


def test_skops_types_that_are_not_trusted(start, tmp_path):
    model = LinearRegression().fit([[1.0]], [1.0])
    model.note = pickle.Pickler
    skops.io.dump(model, tmp_path / "model.skops")
    replica = start(model_dir=str(tmp_path), ready=False)
    assert replica.exit_code() == 4
    assert "Pickler" in replica.log()


def test_columns_by_name_and_text(start, tmp_path):
    frame = pd.DataFrame({"age": [20.0, 30, 40, 50], "city": ["a", "b", "a", "b"], "pay": [1, 2, 3, 4]})
    pick = ColumnTransformer(
        [("city", OneHotEncoder(handle_unknown="ignore"), ["city"])], remainder="passthrough"
    )
    model = make_pipeline(pick, LinearRegression()).fit(frame, [1.0, 2, 3, 5])
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(model))
    replica = start(model_dir=str(tmp_path))
    expected = model.predict(frame[:2])
    rows = [[20, "a", 1], [30, "b", 2]]
    same(replica.score({"data": rows}), expected)
    same(
        replica.score({"data": [{"pay": 1, "city": "a", "age": 20}, {"age": 30, "city": "b", "pay": 2}]}),
        expected,
    )
    shuffled = {"columns": ["city", "pay", "age"], "data": [["a", 1, 20], ["b", 2, 30]]}
    same(replica.score({"input_data": shuffled}), expected)
    same(replica.score({"input_data": {"age": [20, 30], "city": ["a", "b"], "pay": [[1], [2]]}}), expected)
    refused(replica.score({"input_data": {"columns": ["age", "pay"], "data": [[1, 2]]}}), "missing: city")
    refused(replica.score({"data": [{"age": 1, "city": "a", "pay": 1}, {"age": 1}]}), "Row 1")


def test_names_of_numeric_columns_are_put_in_order(start, tmp_path, iris):
    model = LogisticRegression(max_iter=500).fit(*iris)
    joblib.dump(model, tmp_path / "model.joblib")
    replica = start(model_dir=str(tmp_path))
    names = list(iris[0].columns)
    backwards = {"columns": names[::-1], "data": [row[::-1] for row in ROWS]}
    expected = model.predict_proba(pd.DataFrame(ROWS, columns=names))
    same(replica.score({"input_data": backwards}), expected)
    same(
        replica.score({"input_data": {"columns": [*names, "more"], "data": [[*row, 0] for row in ROWS]}}),
        expected,
    )
    assert "does not have valid feature names" not in replica.log()


# ONNX


@pytest.fixture(scope="module")
def onnx_replica(start_shared, classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    converted = skl2onnx.to_onnx(classifier, np.zeros((1, 4), np.float32), options={"zipmap": False})
    (folder / "model.onnx").write_bytes(converted.SerializeToString())
    return start_shared(model_dir=str(folder))


def test_onnx_outputs_by_name(onnx_replica, classifier):
    session = onnxruntime.InferenceSession(onnx_replica.config["model_dir"] + "/model.onnx")
    label, probabilities = session.run(None, {"X": np.array(ROWS, np.float32)})
    for body in ({"data": ROWS}, {"input_data": ROWS}, {"input_data": {"X": ROWS}}):
        answer = onnx_replica.score(body)
        assert answer.json()["label"] == label.tolist()
        np.testing.assert_allclose(answer.json()["probabilities"], probabilities, rtol=1e-6)


def test_onnx_together(onnx_replica):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda number: onnx_replica.score({"data": ROWS[: number % 3 + 1]}), range(60))
        )
    assert [answer.json()["label"] for answer in answers] == [
        [0, 1, 2][: number % 3 + 1] for number in range(60)
    ]


def test_onnx_with_a_map_for_each_row(start, classifier, tmp_path):
    converted = skl2onnx.to_onnx(classifier, np.zeros((1, 4), np.float32))
    (tmp_path / "model.onnx").write_bytes(converted.SerializeToString())
    replica = start(model_dir=str(tmp_path))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: replica.score({"data": [ROWS[number % 3]]}), range(24)))
    for number, answer in enumerate(answers):
        (likely,) = answer.json()["output_probability"]
        assert max(likely, key=likely.get) == str(number % 3) == str(answer.json()["output_label"][0])


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"data": [[1, 2, 3]]}, "[1, 3]"),
        ({"data": [1, 2, 3, 4]}, "[any, 4]"),
        ({"data": [["a", "b", "c", "d"]]}, "float32"),
        ({"data": [[1, 2, 3, 4], [1]]}, "float32"),
        ({"input_data": {"Y": ROWS}}, "'X' is missing"),
        ({"input_data": {"X": ROWS, "Y": ROWS}}, "'Y' is unknown"),
    ],
)
def test_onnx_inputs_that_do_not_fit(onnx_replica, body, words):
    refused(onnx_replica.score(body), words)


def test_onnx_with_an_input_for_each_column(start, tmp_path):
    frame = pd.DataFrame({"size": [1.0, 2, 3, 4], "kind": ["a", "b", "a", "b"]})
    pick = ColumnTransformer([("kind", OneHotEncoder(), ["kind"])], remainder="passthrough")
    model = make_pipeline(pick, LinearRegression()).fit(frame, [1.0, 2, 3, 5])
    types = [
        ("size", skl2onnx.common.data_types.FloatTensorType([None, 1])),
        ("kind", skl2onnx.common.data_types.StringTensorType([None, 1])),
    ]
    (tmp_path / "model.onnx").write_bytes(skl2onnx.to_onnx(model, initial_types=types).SerializeToString())
    replica = start(model_dir=str(tmp_path))
    expected = model.predict(frame[:2])
    named = replica.score({"input_data": {"size": [[1], [2]], "kind": [["a"], ["b"]]}})
    split = replica.score({"input_data": {"columns": ["kind", "size"], "data": [["a", 1], ["b", 2]]}})
    for answer in (named, split):
        np.testing.assert_allclose(np.ravel(answer.json()), expected, rtol=1e-5)
    refused(replica.score({"data": [[1, "a"]]}), "several inputs")


# TensorFlow, where it is installed (it is too large for the development environment)

SAVED_MODEL = """
import sys
import tensorflow as tf

class Model(tf.Module):
    def __init__(self):
        self.weights = tf.Variable([[1.0], [2.0], [3.0]])

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, name="x")])
    def __call__(self, x):
        return {"y": tf.matmul(x, self.weights)}

model = Model()
tf.saved_model.save(model, sys.argv[1], signatures=model.__call__)
"""


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("tensorflow") is None, reason="tensorflow is not installed")
def test_a_saved_model(start, tmp_path):
    subprocess.run([sys.executable, "-c", SAVED_MODEL, str(tmp_path / "model" / "1")], check=True)
    replica = start(model_dir=str(tmp_path))
    assert replica.score({"data": [[1, 2, 3]]}).json() == [[14.0]]
    assert replica.score({"input_data": {"x": [[1, 0, 0], [0, 1, 0]]}}).json() == [[1.0], [2.0]]
    refused(replica.score({"data": [[1, 2]]}), "[any, 3]")


# MLflow


@pytest.fixture(scope="module")
def mlflow_models(iris, tmp_path_factory):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns about its own type hints
        return _saved_mlflow_models(iris, tmp_path_factory)


def _saved_mlflow_models(iris, tmp_path_factory):
    features, target = iris
    by_name = LogisticRegression(max_iter=500).fit(features, target)
    by_place = LogisticRegression(max_iter=500).fit(features.to_numpy(), target)
    root = tmp_path_factory.mktemp("mlflow")
    plain = {"serialization_format": "cloudpickle", "pip_requirements": []}
    signature = infer_signature(features, by_name.predict(features))
    mlflow.sklearn.save_model(by_name, root / "columns" / "model", signature=signature, **plain)
    signature = infer_signature(features.to_numpy(), by_place.predict(features.to_numpy()))
    mlflow.sklearn.save_model(by_place, root / "tensor" / "model", signature=signature, **plain)
    mlflow.sklearn.save_model(by_place, root / "free" / "model", **plain)
    return root, by_place


@pytest.fixture(scope="module")
def columns_replica(start_shared, mlflow_models):
    return start_shared(model_dir=str(mlflow_models[0] / "columns"), model_kind="mlflow_model")


def test_mlflow_with_columns(columns_replica, mlflow_models, iris):
    names = list(iris[0].columns)
    expected = mlflow_models[1].predict(np.array(ROWS))
    same(
        columns_replica.score({"input_data": {"columns": names, "index": [5, 6, 7], "data": ROWS}}), expected
    )
    same(columns_replica.score({"input_data": ROWS}), expected)
    by_name = {name: [[row[index]] for row in ROWS] for index, name in enumerate(names)}
    same(columns_replica.score({"input_data": by_name}), expected)
    same(columns_replica.score({"input_data": [[5, 3, 1, 0]]}), [0])


def test_mlflow_enforces_the_signature(columns_replica, iris):
    names = list(iris[0].columns)
    missing = {"columns": names[:3], "data": [row[:3] for row in ROWS]}
    refused(columns_replica.score({"input_data": missing}), "petal width (cm)")
    text = {"columns": names, "data": [["a", "b", "c", "d"]]}
    refused(columns_replica.score({"input_data": text}), "Incompatible input types")
    refused(columns_replica.score({"input_data": [[1, 2, 3]]}), "4 values")
    refused(columns_replica.score({"dataframe_split": missing}), "`input_data`")
    refused(columns_replica.score({"input_data": ROWS, "params": 7}), "`params`")
    refused(columns_replica.score({"input_data": {"columns": names, "data": [[1, 2]]}}), "columns")


def test_mlflow_callers_at_once(columns_replica):
    bodies = [
        {"input_data": ROWS[number % 3 : number % 3 + 1]} if number % 5 else {"input_data": [[1]]}
        for number in range(50)
    ]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(columns_replica.score, bodies))
    assert [answer.json() if answer.status == 200 else answer.status for answer in answers] == [
        [number % 3] if number % 5 else 400 for number in range(50)
    ]


@pytest.mark.parametrize("kind", ["tensor", "free"])
def test_mlflow_with_a_tensor_or_no_signature(start, mlflow_models, kind):
    root, model = mlflow_models
    replica = start(model_dir=str(root / kind), model_kind="mlflow_model")
    same(replica.score({"input_data": ROWS}), model.predict(np.array(ROWS)))
    refused(replica.score({"input_data": [[1.0, 2.0, 3.0]]}), "shape" if kind == "tensor" else "features")
