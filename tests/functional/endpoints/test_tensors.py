"""The Open Inference Protocol from outside: through the router with a key, in JSON and binary, by share, by header, mirrored."""

import io
import json

import httpx
import joblib
import numpy as np
import pytest
import skl2onnx
from sklearn import datasets, linear_model

from zaffre.contracts import model as model_contract
from zaffre.contracts import online_deployment
from zaffre.server.endpoints.online import replicas
from zaffre.server.endpoints.telemetry import counts
from zaffre.server.registry.models import service as models
from zaffre.testing import online

IRIS = datasets.load_iris()
LOGISTIC = linear_model.LogisticRegression(max_iter=500).fit(IRIS.data, IRIS.target)
ROWS = IRIS.data[:100:20].astype(np.float32)
LENGTH = "inference-header-content-length"


def stored(desk, name, file, content):
    address = desk.house.tree({file: content})
    with desk.house.database.write() as uow:
        models.create(
            uow, online.CALLER, "default", model_contract.Model(name=name, path=f"{address}/{file}")
        )


@pytest.fixture
def served(desk):
    """blue has all traffic and a scikit-learn model, green none and the same model as ONNX."""
    pickled = io.BytesIO()
    joblib.dump(LOGISTIC, pickled)
    stored(desk, "iris", "model.joblib", pickled.getvalue())
    exported = skl2onnx.to_onnx(LOGISTIC, ROWS[:1], options={"zipmap": False})
    stored(desk, "iris-onnx", "model.onnx", exported.SerializeToString())
    desk.endpoint()
    for name, model in (("blue", "iris"), ("green", "iris-onnx")):
        deployment = online_deployment.ManagedOnlineDeployment(
            name=name,
            endpoint_name="churn",
            model=f"azureml:{model}:1",
            instance_type="Standard_DS3_v2",
            data_collector={"collections": {"model_inputs": {"enabled": "true"}}},
        )
        assert desk.deploy(deployment)["state"] == "Succeeded"
    assert desk.traffic({"blue": 100})["state"] == "Succeeded"
    headers = {"authorization": f"Bearer {desk.keys()['primary_key']}"}
    with httpx.Client(base_url=desk.url(), headers=headers, timeout=30) as client:
        yield client


def in_json(client, output, **headers):
    given = {"name": "x", "shape": [5, 4], "datatype": "FP32", "data": ROWS.ravel().tolist()}
    body = {"inputs": [given], "outputs": [{"name": output}]}
    return client.post("v2/models/churn/infer", json=body, headers=headers)


def in_binary(client, **headers):
    data = ROWS.tobytes()
    given = {"name": "x", "shape": [5, 4], "datatype": "FP32", "parameters": {"binary_data_size": len(data)}}
    head = json.dumps({"inputs": [given], "parameters": {"binary_data_output": True}}).encode()
    headers = {LENGTH: str(len(head)), "content-type": "application/octet-stream", **headers}
    return client.post("v2/models/churn/infer", content=head + data, headers=headers)


def probabilities(answer):
    """From either form."""
    assert answer.status_code == 200, answer.text
    length = int(answer.headers.get(LENGTH, len(answer.content)))
    outputs, start = json.loads(answer.content[:length])["outputs"], length
    for one in outputs:
        size = one.get("parameters", {}).get("binary_data_size", 0)
        if one["name"] in ("output", "predict_proba", "probabilities"):
            kind = {"FP32": "<f4", "FP64": "<f8"}[one["datatype"]]
            found = (
                np.frombuffer(answer.content[start : start + size], kind) if size else np.array(one["data"])
            )
            return found.reshape(one["shape"])
        start += size
    raise AssertionError(outputs)


def test_tensors_go_through_the_router_to_the_deployment_that_is_meant(served, desk):
    for path, told in (("health/live", {"live": True}), ("health/ready", {"ready": True})):
        assert served.get(f"v2/{path}").json() == told
    assert served.get("v2/models/iris/ready").json()["ready"] is True
    assert served.get("v2/models/churn").json()["inputs"][0] == {
        "name": "data", "datatype": "FP64", "shape": [-1, 4],
    }  # fmt: skip
    assert "nothing is collected (model_inputs)" in desk.show().collection_note
    expected = LOGISTIC.predict_proba(ROWS)
    green = {"azureml-model-deployment": "green"}
    for answer, deployment in (
        (in_json(served, "predict_proba"), "blue"),
        (in_binary(served), "blue"),
        (in_json(served, "probabilities", **green), "green"),
        (in_binary(served, **green), "green"),
    ):
        assert answer.headers["azureml-model-deployment"] == deployment
        np.testing.assert_allclose(probabilities(answer), expected, rtol=1e-4)
    for path in ("v2/models/churn/infer", "v2/models/churn", "v2/health/live"):
        assert served.post(path, headers={"authorization": "Bearer wrong"}).status_code == 401
    refused = in_json(served, "magic")
    assert (refused.status_code, "no output 'magic'" in refused.json()["error"]) == (400, True)

    assert desk.traffic({"blue": 100}, mirror_traffic={"green": 50})["state"] == "Succeeded"
    for _ in range(40):
        answer = in_binary(served)
        assert answer.headers["azureml-model-deployment"] == "blue"
        np.testing.assert_allclose(probabilities(answer), expected, rtol=1e-4)
    desk.until(lambda: scored(desk, "green") > 5)


def scored(desk, name):
    """Requests that reached the replicas of a deployment, mirrored ones included."""
    revision = desk.show(name).status.revision
    ids = [one for one in desk.house.runner.list() if one.startswith(revision)]
    found = [counts.read(desk.house.runner.paths(one).scratch / replicas.COUNTS) for one in ids]
    return sum(one.reading.counts["scored"] for one in found if one)
