"""The converting tool on real models, in this process."""

import json
import pickle

import joblib
import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn import compose, datasets, ensemble, linear_model, pipeline, preprocessing

from zaffre_runtime.scoring import errors
from zaffre_runtime.scoring.loaders import onnx as loader
from zaffre_runtime.scoring.loaders import sklearn as original_loader
from zaffre_runtime.tools import convert, task

IRIS = datasets.load_iris()
DIABETES = datasets.load_diabetes()


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Converts a model; `tool.outputs` is what it wrote."""
    monkeypatch.setenv(task.OUTPUTS, str(tmp_path / "outputs"))
    monkeypatch.setattr(convert, "LEAST_S", 0.01)

    class Tool:
        outputs = tmp_path / "outputs"
        model = tmp_path / "model"

        def save(self, fitted):
            self.model.mkdir(exist_ok=True)
            joblib.dump(fitted, self.model / "model.joblib")
            return self

        def __call__(self, sample=None, *, rtol=1e-4, atol=1e-6):
            if sample is not None:
                name, text = sample
                (tmp_path / name).write_text(text)
                sample = str(tmp_path / name)
            asked = {
                "model_dir": str(self.model),
                "sample": sample,
                "rtol": rtol,
                "atol": atol,
                "opset": None,
            }
            return convert.work(asked)

        def both(self, body):
            """The answers of the original and of the converted model to one body, by the loaders that serve them."""
            found = []
            for load, path in (
                (original_loader.load, self.model / "model.joblib"),
                (loader.load, self.outputs / convert.FILE),
            ):
                served = load(path)
                found.append(served.predict([served.parse(json.dumps(body).encode())]))
            return found

    return Tool()


def text_table(fitted_on=40):
    frame = pd.DataFrame(
        {"age": np.arange(fitted_on, dtype=float), "town": ["ulm", "bern"] * (fitted_on // 2)}
    )
    chosen = compose.ColumnTransformer(
        [
            ("numbers", preprocessing.StandardScaler(), ["age"]),
            ("words", preprocessing.OneHotEncoder(), ["town"]),
        ]
    )
    fitted = pipeline.make_pipeline(chosen, linear_model.LogisticRegression())
    return fitted.fit(frame, frame["age"] > fitted_on / 2)


@pytest.mark.parametrize(
    "fitted",
    [
        linear_model.Ridge().fit(*datasets.load_diabetes(return_X_y=True)),
        linear_model.LogisticRegression(max_iter=500).fit(IRIS.data, IRIS.target_names[IRIS.target]),
        ensemble.RandomForestClassifier(5, random_state=0).fit(IRIS.data, IRIS.target),
        pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LinearRegression()).fit(
            DIABETES.data, DIABETES.target
        ),
        preprocessing.StandardScaler().fit(IRIS.data),
    ],
    ids=lambda fitted: type(fitted).__name__,
)
def test_a_converted_model_answers_as_the_original_does(tool, fitted):
    said = tool.save(fitted)()
    assert said["speedup_1"] > 0
    assert said["speedup_1000"] > 0
    rows = DIABETES.data if fitted.n_features_in_ == 10 else IRIS.data
    for method in [None, *said["methods"]]:
        body = {"data": rows[:5].tolist(), **({"method": method} if method else {})}
        original, converted = tool.both(body)
        assert np.shape(original) == np.shape(converted)
        if np.asarray(original).dtype.kind == "U":
            assert list(original) == list(converted)
        else:
            np.testing.assert_allclose(converted, original, rtol=1e-4, atol=1e-6)


def test_columns_by_name_and_text_are_taken_in_every_form(tool):
    rows = "age,town\n" + "\n".join(f"{age},{town}" for age, town in [(1, "ulm"), (30, "bern"), (39, "ulm")])
    said = tool.save(text_table())(("rows.csv", rows))
    assert said["sample"] == "3 rows given by the caller (rows.csv)"
    values = [[12.0, "ulm"], [33.0, "bern"]]
    bodies = [
        {"data": values},
        {"input_data": {"columns": ["town", "age"], "data": [row[::-1] for row in values]}},
        {"data": [{"town": town, "age": age} for age, town in values]},
        {"input_data": {"town": ["ulm", "bern"], "age": [[12.0], [33.0]]}},
    ]
    for body in bodies:
        original, converted = tool.both(body)
        np.testing.assert_allclose(converted, original, rtol=1e-4)

    served = loader.load(tool.outputs / convert.FILE)
    named = {"town": np.array(["ulm", b"bern"], dtype=object), "age": np.array([[12], [33]], dtype=np.int16)}
    tensors = served.from_tensors(named, None)
    np.testing.assert_array_equal(served.predict([tensors]), converted)
    body = served.parse(json.dumps(bodies[0]).encode())
    np.testing.assert_array_equal(served.predict([tensors, body]), [*converted, *converted])
    with pytest.raises(errors.Refused, match="missing: age"):
        served.from_tensors({"town": named["town"], "years": named["age"]}, None)


def test_text_without_rows_asks_for_them(tool):
    with pytest.raises(task.CannotError, match="no rows can be made up"):
        tool.save(text_table())()


def test_double_precision_stands_in_where_single_is_too_coarse(tool):
    said = tool.save(linear_model.Ridge().fit(DIABETES.data, DIABETES.target))(rtol=1e-11, atol=1e-11)
    assert said["numbers"] == "double"
    assert said["largest_difference"] < 1e-7


def test_answers_that_differ_are_refused_with_the_worst_row(tool):
    fitted = linear_model.LinearRegression().fit(DIABETES.data, DIABETES.target)
    with pytest.raises(task.CannotError) as refused:
        tool.save(fitted)(rtol=0, atol=0)
    worst = refused.value.fields["worst_row"]
    assert (worst["method"], len(worst["input"])) == ("predict", 10)
    assert worst["difference"] > 0
    assert str(worst["onnx"]) in refused.value.detail
    assert not (tool.outputs / convert.FILE).exists()


def test_an_mlflow_model_brings_its_own_rows_and_answers_what_pyfunc_does(tool):
    fitted = linear_model.LogisticRegression(max_iter=500).fit(IRIS.data, IRIS.target)
    tool.model.mkdir()
    (tool.model / "model.pkl").write_bytes(pickle.dumps(fitted))
    (tool.model / "MLmodel").write_text(
        "flavors:\n  sklearn: {pickled_model: model.pkl, serialization_format: pickle, sklearn_version: '1'}\n"
        "  python_function: {loader_module: mlflow.sklearn, model_path: model.pkl}\n"
    )
    (tool.model / "input_example.json").write_text('{"data": [[5.1, 3.5, 1.4, 0.2]]}')
    said = tool()
    assert said["sample"] == "1 rows of the model's own example and 200 made-up rows (seed 0)"
    assert (said["rows"], said["method"]) == (201, "predict")


class Shy:
    """A model that no converter knows."""

    def predict(self, rows):
        return rows


def test_an_unsupported_model_is_named(tool, monkeypatch):
    monkeypatch.setattr("zaffre_runtime.tools.models._read_pickle", lambda path: Shy())
    with pytest.raises(task.CannotError, match="Shy cannot be converted to ONNX") as refused:
        tool.save(1)()
    assert refused.value.code == "unsupported"


def test_a_file_that_does_not_load_is_named_without_where_the_job_keeps_it(tool, monkeypatch):
    def read(path):  # as XGBoost and PyTorch do, which name the whole path
        raise ValueError(f"Loading from {path} failed")

    monkeypatch.setattr("zaffre_runtime.tools.models._read_pickle", read)
    with pytest.raises(task.CannotError) as refused:
        tool.save(1)()
    assert (
        refused.value.detail == "model.joblib cannot be loaded: ValueError: Loading from model.joblib failed."
    )
    assert "--environment" in refused.value.hint


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        (("rows.csv", ""), "holds no row"),
        (("rows.csv", "1,2\n3,4\n"), "rows of 2 values; the model takes 4"),
        (("rows.json", "{"), "cannot be read"),
        (("rows.json", '{"data": []}'), "holds no row"),
    ],
)
def test_a_bad_sample_is_refused_with_the_reason(tool, sample, words):
    with pytest.raises(task.CannotError, match=words):
        tool.save(linear_model.LogisticRegression(max_iter=500).fit(IRIS.data, IRIS.target))(sample)


@pytest.mark.parametrize(
    "sample",
    [
        ("rows.csv", "5.1,3.5,1.4,0.2\n6,3,5,2\n"),
        ("rows.jsonl", '{"data": [[5.1, 3.5, 1.4, 0.2]]}\n{"data": [[6, 3, 5, 2]]}\n'),
        (
            "rows.json",
            '{"input_data": {"columns": ["a", "b", "c", "d"], "data": [[5.1, 3.5, 1.4, 0.2], [6, 3, 5, 2]]}}',
        ),
        ("rows.json", "[[5.1, 3.5, 1.4, 0.2], [6, 3, 5, 2]]"),
    ],
)
def test_rows_are_read_from_every_usual_form(tool, sample):
    said = tool.save(linear_model.LogisticRegression(max_iter=500).fit(IRIS.data, IRIS.target))(sample)
    assert said["rows"] == 2


def test_the_file_needs_no_zaffre(tool):
    tool.save(linear_model.Ridge().fit(DIABETES.data, DIABETES.target))()
    session = onnxruntime.InferenceSession(tool.outputs / convert.FILE, providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {"input": DIABETES.data[:3].astype(np.float32)})
    assert answer.shape == (3, 1)
