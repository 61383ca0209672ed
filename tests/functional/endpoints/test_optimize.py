"""Deployments with `optimize: onnx`, on real replicas."""

import io

import httpx
import joblib
import pytest
from sklearn import datasets, kernel_ridge, linear_model

from zaffre.contracts import model as model_contract
from zaffre.contracts import online_deployment
from zaffre.core import errors
from zaffre.server.registry.models import service as models
from zaffre.testing import online

IRIS = datasets.load_iris()
LOGISTIC = linear_model.LogisticRegression(max_iter=500).fit(IRIS.data, IRIS.target)
ROWS = IRIS.data[:3].tolist()


def register(desk, fitted, name="iris"):
    target = io.BytesIO()
    joblib.dump(fitted, target)
    address = desk.house.tree({"model.joblib": target.getvalue()})
    with desk.house.database.write() as uow:
        return models.create(
            uow, online.CALLER, "default", model_contract.Model(name=name, path=f"{address}/model.joblib")
        )


def deployment(name="blue", **extension):
    return online_deployment.ManagedOnlineDeployment(
        name=name,
        endpoint_name="churn",
        model="azureml:iris:1",
        instance_type="Standard_DS3_v2",
        zaffre=extension or None,
    )


def answer(desk, name):
    headers = {
        "authorization": f"Bearer {desk.keys()['primary_key']}",
        "azureml-model-deployment": name,
    }
    url = f"{desk.house.router.url}/default/churn/score"
    return httpx.post(url, json={"data": ROWS}, headers=headers, timeout=30).json()


def test_the_onnx_form_is_served_and_answers_as_the_original(desk):
    register(desk, LOGISTIC)
    desk.endpoint()
    assert desk.deploy(deployment("plain"))["state"] == "Succeeded"
    assert desk.deploy(deployment("fast", optimize="onnx"))["state"] == "Succeeded"
    note = desk.show("fast").status.environment_note
    assert "models/iris:2 is served, the ONNX form of iris:1" in note
    with desk.house.database.read() as uow:
        assert models.get(uow, online.CALLER, "default", "iris", "2").tags["format"] == "onnx"
    for plain, fast in zip(answer(desk, "plain"), answer(desk, "fast"), strict=True):
        assert fast == pytest.approx(plain, rel=1e-4)
    files = [path for path in desk.house.preparations.folder.rglob("*") if path.is_file()]
    placed = [path.name for path in files if path.parent.name != "begun"]
    assert sorted(placed) == ["model.joblib", "model.onnx", "optimized.json"]


def test_a_model_without_an_equal_form_is_refused_with_the_reason_or_served_as_it_is(desk):
    register(desk, kernel_ridge.KernelRidge().fit(IRIS.data, IRIS.target))  # no converter knows it
    desk.endpoint()
    failed = desk.deploy(deployment("fast", optimize="onnx"))
    assert failed["state"] == "Failed"
    assert "KernelRidge cannot be written as ONNX" in failed["error"]["detail"]
    done = desk.deploy(deployment("either", optimize="onnx", optimize_required=False))
    assert done["state"] == "Succeeded"
    assert "The original model is served, not an ONNX form" in desk.show("either").status.environment_note


def test_a_script_is_not_optimised(desk):
    desk.endpoint()
    with pytest.raises(errors.Invalid, match="optimize is for one model without a scoring script"):
        desk.begin(desk.deployment(zaffre={"optimize": "onnx"}))


def test_an_absent_execution_provider_is_named_with_those_that_are_there(desk):
    register(desk, LOGISTIC)
    desk.endpoint()
    failed = desk.deploy(deployment("fast", optimize="onnx", onnx={"providers": ["OpenVINO", "CPU"]}))
    assert failed["state"] == "Failed"
    said = str(failed["error"]) + desk.logs("fast")
    assert "OpenVINOExecutionProvider is not in this environment's onnxruntime; there are:" in said
    assert "CPUExecutionProvider" in said
