"""What a replica says of its model's tensors is true: requests made from it are answered as it says."""

import json
import warnings

import joblib
import mlflow
import numpy as np
import pandas as pd
import pytest
import skl2onnx
from mlflow.models import infer_signature
from sklearn import compose, datasets, linear_model, pipeline, preprocessing

from zaffre_runtime.tools import convert, task

IRIS = datasets.load_iris()
NUMBERS = linear_model.LogisticRegression(max_iter=500).fit(IRIS.data, IRIS.target)
TABLE = pd.DataFrame({"age": np.arange(8.0), "town": ["ulm", "bern"] * 4})
TARGET = np.array(["no", "yes"])[(TABLE["age"] > 3).astype(int)]
PATH = "/v2/models/churn"


def by_columns():
    chosen = compose.ColumnTransformer(
        [
            ("numbers", preprocessing.StandardScaler(), ["age"]),
            ("words", preprocessing.OneHotEncoder(), ["town"]),
        ]
    )
    return pipeline.make_pipeline(chosen, linear_model.LogisticRegression()).fit(TABLE, TARGET)


def tensor(name, datatype, *shape):
    return {"name": name, "datatype": datatype, "shape": list(shape)}


TOWNS = [tensor("age", "FP64", -1, 1), tensor("town", "BYTES", -1, 1)]


def rows(folder):
    joblib.dump(NUMBERS, folder / "model.joblib")
    outputs = [tensor("predict", "INT64", -1), tensor("decision_function", "FP64", -1, 3)]
    return "sklearn", [tensor("data", "FP64", -1, 4)], [*outputs, tensor("predict_proba", "FP64", -1, 3)]


def columns(folder):
    joblib.dump(by_columns(), folder / "model.joblib")
    outputs = [tensor("predict", "BYTES", -1), tensor("decision_function", "FP64", -1)]
    return "sklearn", TOWNS, [*outputs, tensor("predict_proba", "FP64", -1, 2)]


def exported(folder):
    model = skl2onnx.to_onnx(NUMBERS, IRIS.data[:1].astype(np.float32), options={"zipmap": False})
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    outputs = [tensor("label", "INT64", -1), tensor("probabilities", "FP32", -1, 3)]
    return "onnx", [tensor("X", "FP32", -1, 4)], outputs


def converted(folder, fitted, sample=None):
    (folder / "original").mkdir()
    (folder / "model").mkdir()
    joblib.dump(fitted, folder / "original" / "model.joblib")
    if sample is not None:
        sample.to_csv(folder / "rows.csv", index=False)
    asked = {"rtol": 1e-4, "atol": 1e-6, "opset": None}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(task.OUTPUTS, str(folder / "model"))
        patch.setattr(convert, "LEAST_S", 0.01)
        sample = None if sample is None else str(folder / "rows.csv")
        said = convert.work({**asked, "model_dir": str(folder / "original"), "sample": sample})
    (folder / "original" / "model.joblib").unlink()
    return "FP64" if said["numbers"] == "double" else "FP32"


def converted_rows(folder):
    numbers = converted(folder, NUMBERS)
    outputs = [tensor("predict", "INT64", -1), tensor("predict_proba", numbers, -1, 3)]
    return "onnx", [tensor("input", numbers, -1, 4)], outputs


def converted_columns(folder):
    numbers = converted(folder, by_columns(), TABLE)
    inputs = [tensor("age", numbers, -1, 1), TOWNS[1]]
    return "onnx", inputs, [tensor("predict", "BYTES", -1), tensor("predict_proba", numbers, -1, 2)]


def with_signature(folder):
    fitted = by_columns()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow warns about its own type hints
        signature = infer_signature(TABLE, fitted.predict(TABLE))
        mlflow.sklearn.save_model(
            fitted,
            folder / "model",
            signature=signature,
            serialization_format="cloudpickle",
            pip_requirements=[],
        )
    return "mlflow", TOWNS, [tensor("output", "BYTES", -1)]


def with_a_named_tensor(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")

        class Summing(mlflow.pyfunc.PythonModel):
            def predict(self, context, model_input, params=None):
                return model_input["x"].sum(axis=1).astype(int)

        signature = infer_signature({"x": IRIS.data}, NUMBERS.predict(IRIS.data))
        mlflow.pyfunc.save_model(
            folder / "model", python_model=Summing(), signature=signature, pip_requirements=[]
        )
    return "mlflow", [tensor("x", "FP64", -1, 4)], [tensor("output", "INT64", -1)]


def request(inputs, *, outputs=()):
    """One row of what the metadata ask for."""
    given = []
    for one in inputs:
        shape = [1 if size == -1 else size for size in one["shape"]]
        value = "ulm" if one["datatype"] == "BYTES" else 1.0
        given.append({**one, "shape": shape, "data": [value] * int(np.prod(shape))})
    return json.dumps({"inputs": given, "outputs": [{"name": name} for name in outputs]})


@pytest.mark.parametrize(
    "made",
    [rows, columns, exported, converted_rows, converted_columns, with_signature, with_a_named_tensor],
    ids=lambda made: made.__name__,
)
def test_metadata_are_what_requests_and_answers_have(start, tmp_path, made):
    platform, inputs, outputs = made(tmp_path)
    kind = {"model_kind": "mlflow_model"} if platform == "mlflow" else {}
    replica = start(model_dir=str(tmp_path), models=[{"name": "churn", "version": "3"}], **kind)
    told = replica.ask("GET", PATH).json()
    assert (told["platform"], told["versions"]) == (platform, ["3"])
    assert told["inputs"] == inputs
    assert all(one in told["outputs"] for one in outputs), told["outputs"]

    for one in told["outputs"]:
        answer = replica.ask(path=PATH + "/infer", body=request(told["inputs"], outputs=[one["name"]]))
        assert answer.status == 200, answer.body
        (found,) = answer.json()["outputs"]
        assert (found["name"], found["datatype"]) == (one["name"], one["datatype"])
        assert found["shape"] == [1 if size == -1 else size for size in one["shape"]]
