"""The Open Inference Protocol at a real replica: JSON and binary tensors, joined with plain requests, refusals."""

import concurrent.futures
import json
import struct

import joblib
import numpy as np
import pytest
import skl2onnx
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

ROWS = np.array([[5.1, 3.5, 1.4, 0.2], [6.2, 2.9, 4.3, 1.3]])
INFER = "/v2/models/iris/infer"
MODELS = [{"name": "iris", "version": "7"}]


@pytest.fixture(scope="module")
def fitted():
    return LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True))


@pytest.fixture(scope="module")
def replica(start_shared, fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("inference")
    joblib.dump(fitted, folder / "model.joblib")
    return start_shared(model_dir=str(folder), models=MODELS)


@pytest.fixture(scope="module")
def onnx_replica(start_shared, fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("inference-onnx")
    model = skl2onnx.to_onnx(fitted, ROWS[:1].astype(np.float32), options={"zipmap": False})
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    return start_shared(model_dir=str(folder), models=MODELS)


def asked(rows, datatype="FP64", **more):
    given = {"name": "data", "shape": list(rows.shape), "datatype": datatype, "data": rows.ravel().tolist()}
    return json.dumps({"inputs": [given], **more})


def output(answer, name):
    assert answer.status == 200, answer.body
    found = next(one for one in answer.json()["outputs"] if one["name"] == name)
    return np.array(found["data"]).reshape(found["shape"])


def test_health_and_what_the_model_takes(replica):
    for path, told in (
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        ("/v2/models/iris/ready", {"name": "iris", "ready": True}),
    ):
        assert replica.ask("GET", path).json() == told
    metadata = replica.ask("GET", "/v2/models/iris/versions/7").json()
    assert (metadata["name"], metadata["versions"]) == ("iris", ["7"])
    assert metadata["inputs"] == [{"name": "data", "datatype": "FP64", "shape": [-1, 4]}]
    assert {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 3]} in metadata["outputs"]
    assert replica.ask("POST", "/v2/health/live").status == 405
    assert replica.ask("GET", INFER).status == 405
    assert replica.ask("GET", "/v2/models/other").status == 404


def test_json_tensors_are_scored_by_the_method_that_is_asked_for(replica, fitted):
    answer = replica.ask(path=INFER, body=asked(ROWS, id="one"))
    np.testing.assert_allclose(output(answer, "output"), fitted.predict_proba(ROWS), rtol=1e-12)
    told = answer.json()
    assert (told["id"], told["model_name"], told["model_version"]) == ("one", "iris", "7")
    answer = replica.ask(path=INFER, body=asked(ROWS, outputs=[{"name": "predict"}]))
    assert output(answer, "predict").tolist() == fitted.predict(ROWS).tolist()


def test_binary_tensors_go_both_ways(replica, fitted):
    data = ROWS.astype("<f4").tobytes()
    head = json.dumps({
        "inputs": [{"name": "x", "shape": [2, 4], "datatype": "FP32", "parameters": {"binary_data_size": len(data)}}],
        "parameters": {"binary_data_output": True},
    }).encode()  # fmt: skip
    answer = replica.ask(
        path=INFER, body=head + data, headers={"inference-header-content-length": str(len(head))}
    )
    assert answer.headers["content-type"] == "application/octet-stream"
    length = int(answer.headers["inference-header-content-length"])
    told = json.loads(answer.body[:length])["outputs"][0]
    assert told["parameters"]["binary_data_size"] == len(answer.body) - length
    found = np.frombuffer(answer.body[length:], dtype="<f8").reshape(told["shape"])
    np.testing.assert_allclose(found, fitted.predict_proba(ROWS.astype(np.float32)), rtol=1e-6)


def test_onnx_outputs_have_their_names(onnx_replica, fitted):
    metadata = onnx_replica.ask("GET", "/v2/models/iris").json()
    assert metadata["inputs"] == [{"name": "X", "datatype": "FP32", "shape": [-1, 4]}]
    answer = onnx_replica.ask(path=INFER, body=asked(ROWS, "FP32"))
    np.testing.assert_allclose(output(answer, "probabilities"), fitted.predict_proba(ROWS), rtol=1e-4)
    answer = onnx_replica.ask(path=INFER, body=asked(ROWS, "FP32", outputs=[{"name": "nothing"}]))
    assert answer.status == 400
    assert "no output 'nothing'" in answer.json()["error"]


def test_tensors_and_plain_bodies_are_joined_and_each_gets_its_own(replica, fitted):
    rows = np.random.default_rng(1).normal(3, 2, (120, 4))

    def ask(index):
        row = rows[index : index + 1]
        if index % 2:
            return output(replica.ask(path=INFER, body=asked(row)), "output")
        return np.array(replica.score({"data": row.tolist()}).json())

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        found = np.concatenate(list(pool.map(ask, range(len(rows)))))
    np.testing.assert_allclose(found, fitted.predict_proba(rows), rtol=1e-9)


@pytest.mark.parametrize(
    ("body", "headers", "words"),
    [
        (b"{", {}, "inference protocol"),
        (asked(ROWS[:, :3]), {}, "has 3 values"),
        (asked(ROWS[0]), {}, "two are needed"),
        (asked(ROWS).replace("FP64", "FP99"), {}, "FP99"),
        (asked(ROWS, outputs=[{"name": "magic"}]), {}, "no output 'magic'"),
        (asked(ROWS) + "x", {"inference-header-content-length": "99999"}, "must be the length"),
        (asked(ROWS).replace("[2, 4]", "[2, 4611686018427387904]"), {}, "8 values"),
    ],
)
def test_refusals_are_in_the_protocol_s_form(replica, body, headers, words):
    answer = replica.ask(path=INFER, body=body, headers=headers)
    assert answer.status == 400
    assert words in answer.json()["error"]


def test_text_that_lies_about_its_length_harms_nobody(replica):
    data = struct.pack("<I", 0xFFFFFFFF) + b"abc"
    given = {"name": "x", "shape": [1, 1], "datatype": "BYTES", "parameters": {"binary_data_size": len(data)}}
    head = json.dumps({"inputs": [given]}).encode()
    answer = replica.ask(
        path=INFER, body=head + data, headers={"inference-header-content-length": str(len(head))}
    )
    assert answer.status == 400
    assert replica.score({"data": ROWS.tolist()}).status == 200


def test_a_script_says_that_its_input_is_its_own(start):
    replica = start("def init(): pass\ndef run(data): return 1", models=MODELS)
    answer = replica.ask(path=INFER, body=asked(ROWS))
    assert answer.status == 400
    assert "/score" in answer.json()["error"]
    assert replica.ask("GET", "/v2/models/iris/ready").status == 200
