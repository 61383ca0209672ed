"""Where a model is loaded to be converted."""

import pytest

from zaffre.core import errors
from zaffre.server.conversion import asking, telling
from zaffre.server.environments import definitions


@pytest.mark.parametrize(
    ("files", "environment"),
    [
        (["model.joblib"], "no-code-sklearn"),
        (["model/deep/x.pkl", "model/requirements.txt"], "no-code-sklearn"),
        (["model.ubj"], "xgboost"),
        (["model.txt"], "lightgbm"),
        (["net.pt2"], "pytorch"),
        (["m/MLmodel", "m/model.pkl"], "mlflow"),
    ],
)
def test_the_environment_follows_from_the_names_of_the_files(files, environment):
    assert asking.environment("models/a:1", files)["id"] == environment


@pytest.mark.parametrize("files", [["model.onnx"], ["weights.bin"], []])
def test_what_is_not_converted_is_refused(files):
    with pytest.raises(errors.Unsupported, match="models/a:1"):
        asking.environment("models/a:1", files)


@pytest.mark.parametrize(
    ("pip", "conda", "added"),
    [
        (("scikit-learn==1.5",), (), {"skl2onnx", "onnx", "onnxruntime"}),
        (("xgboost-cpu",), (), {"onnxmltools", "skl2onnx", "onnx", "onnxruntime"}),
        (("lightgbm>=4", "onnx==1.17"), (), {"onnxmltools", "skl2onnx", "onnxruntime"}),
        (("torch",), (), {"onnxscript", "onnx", "onnxruntime"}),
        ((), ("conda-forge::scikit-learn=1.5",), {"skl2onnx", "onnx", "onnxruntime"}),
    ],
)
def test_the_converters_of_the_models_libraries_are_added(pip, conda, added):
    made = asking.with_converters(definitions.Definition(pip=pip, conda=conda))
    assert set(made.pip) - set(pip) - {"protobuf<7"} == added
    assert all(package in made.notes[-1] for package in added)


@pytest.mark.parametrize("said", [None, [], "text", {"code": 7, "detail": ["x"]}, {"fields": "no"}])
def test_whatever_a_job_writes_becomes_an_error_of_ours(said):
    assert isinstance(telling.refused(said), errors.ZaffreError)
