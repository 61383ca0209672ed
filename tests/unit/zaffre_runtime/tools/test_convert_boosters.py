"""The converting tool on models of XGBoost and LightGBM, in this process: estimators, boosters' own files, pipelines."""

import joblib
import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn import datasets, pipeline, preprocessing

from zaffre_runtime.scoring.loaders import onnx as loader
from zaffre_runtime.tools import convert, models, task

IRIS = datasets.load_iris()
DIABETES = datasets.load_diabetes()
SMALL = {"n_estimators": 5, "max_depth": 3, "n_jobs": 1}


@pytest.fixture
def converted(tmp_path, monkeypatch):
    """Saves a model by what is given, converts it, and answers rows in both forms."""
    monkeypatch.setenv(task.OUTPUTS, str(tmp_path / "outputs"))
    monkeypatch.setattr(convert, "LEAST_S", 0.01)
    folder = tmp_path / "model"
    folder.mkdir()

    def work(save, file, rows):
        save(folder / file)
        said = convert.work(
            {"model_dir": str(folder), "sample": None, "rtol": 1e-4, "atol": 1e-5, "opset": None}
        )
        original = models.load(folder)
        served = loader.load(tmp_path / "outputs" / convert.FILE)
        for method, call in original.methods.items():
            body = b'{"data": %s, "method": "%s"}' % (str(rows.tolist()).encode(), method.encode())
            answer = served.predict([served.parse(body)])
            np.testing.assert_allclose(np.asarray(answer), call(rows), rtol=1e-3, atol=1e-4)
        return said

    return work


def joblib_file(fitted):
    return lambda path: joblib.dump(fitted, path)


@pytest.mark.parametrize(
    ("fitted", "framework"),
    [
        (xgboost.XGBClassifier(**SMALL).fit(IRIS.data, IRIS.target), "xgboost"),
        (xgboost.XGBClassifier(**SMALL).fit(IRIS.data[:100], IRIS.target[:100]), "xgboost"),
        (lightgbm.LGBMClassifier(**SMALL, verbose=-1).fit(IRIS.data, IRIS.target), "lightgbm"),
        (
            pipeline.make_pipeline(preprocessing.StandardScaler(), xgboost.XGBClassifier(**SMALL)).fit(
                IRIS.data, IRIS.target
            ),
            "sklearn",
        ),
        (
            pipeline.make_pipeline(
                preprocessing.StandardScaler(), lightgbm.LGBMClassifier(**SMALL, verbose=-1)
            ).fit(IRIS.data, IRIS.target),
            "sklearn",
        ),
    ],
    ids=["xgboost", "xgboost of two classes", "lightgbm", "pipeline of xgboost", "pipeline of lightgbm"],
)
def test_a_boosted_classifier_answers_as_before(converted, fitted, framework):
    said = converted(joblib_file(fitted), "model.joblib", IRIS.data[:100:10])
    assert said["framework"] == framework
    assert said["methods"] == ["predict", "predict_proba"]
    assert set(said["converters"]) >= {"skl2onnx", "onnx"}


@pytest.mark.parametrize(
    "fitted",
    [
        xgboost.XGBRegressor(**SMALL).fit(DIABETES.data, DIABETES.target),
        lightgbm.LGBMRegressor(**SMALL, verbose=-1).fit(DIABETES.data, DIABETES.target),
    ],
    ids=["xgboost", "lightgbm"],
)
def test_a_boosted_regressor_answers_as_before(converted, fitted):
    assert converted(joblib_file(fitted), "model.joblib", DIABETES.data[:10])["methods"] == ["predict"]


@pytest.mark.parametrize("file", ["model.json", "model.ubj"])
def test_xgboosts_own_files_are_converted(converted, file):
    fitted = xgboost.XGBRegressor(**SMALL).fit(DIABETES.data, DIABETES.target)
    said = converted(fitted.get_booster().save_model, file, DIABETES.data[:10])
    assert (said["framework"], said["model_type"]) == ("xgboost", "xgboost.core.Booster")


def test_lightgbms_own_file_is_converted(converted):
    fitted = lightgbm.LGBMRegressor(**SMALL, verbose=-1).fit(DIABETES.data, DIABETES.target)
    said = converted(fitted.booster_.save_model, "model.txt", DIABETES.data[:10])
    assert (said["framework"], said["model_type"]) == ("lightgbm", "lightgbm.basic.Booster")


def test_a_missing_converter_is_named_with_its_command(converted, monkeypatch):
    fitted = lightgbm.LGBMRegressor(**SMALL, verbose=-1).fit(DIABETES.data, DIABETES.target)
    monkeypatch.setitem(convert.sys.modules, "onnxmltools", None)
    with pytest.raises(task.CannotError, match="is converted by onnxmltools") as refused:
        converted(joblib_file(fitted), "model.joblib", DIABETES.data[:10])
    assert "pip install onnxmltools" in refused.value.hint
