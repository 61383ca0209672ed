"""What a deployment says of ONNX."""

import pytest

from zaffre.contracts import conversion, online_deployment, onnx
from zaffre.core import errors


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("CPU", "CPUExecutionProvider"),
        ("cuda", "CUDAExecutionProvider"),
        ("TensorRT", "TensorrtExecutionProvider"),
        ("OpenVINO", "OpenVINOExecutionProvider"),
        ("Vitis AI", "VitisAIExecutionProvider"),
        ("tensorrtexecutionprovider", "TensorrtExecutionProvider"),
        ("CoreMLExecutionProvider", "CoreMLExecutionProvider"),
    ],
)
def test_providers_are_read_as_people_write_them(said, name):
    assert onnx.OnnxSettings(providers=[said]).providers == [name]


@pytest.mark.parametrize("said", ["GPU", "", "Core,ExecutionProvider", 7])
def test_other_words_are_refused(said):
    with pytest.raises(errors.Invalid):
        onnx.OnnxSettings(providers=[said])


def test_a_deployment_says_what_it_wants_optimised():
    made = online_deployment.ManagedOnlineDeployment(
        name="blue", endpoint_name="churn", zaffre={"optimize": "ONNX", "optimize_required": False}
    )
    assert (made.zaffre.optimize, made.zaffre.optimize_required) == ("onnx", False)
    with pytest.raises(errors.Invalid):
        online_deployment.ManagedOnlineDeployment(
            name="blue", endpoint_name="churn", zaffre={"optimize": "openvino"}
        )


@pytest.mark.parametrize(
    "body",
    [
        {"to": "pmml"},
        {"rtol": -1},
        {"rtol": float("nan")},
        {"sample": "rows.csv/../x"},
        {"environment": "not a reference!"},
        {"name": "../x"},
        {"opset": 1},
        {"timeout_s": 0},
        {"unknown": 1},
        [],
    ],
)
def test_a_conversion_that_makes_no_sense_is_refused(body):
    with pytest.raises(errors.Invalid):
        conversion.Conversion.parse(body)
