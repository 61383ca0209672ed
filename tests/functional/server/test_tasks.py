"""Conversions and profiles over HTTP: what is asked, what is refused, how it is given up."""

import hashlib

import pytest

from zaffre.testing import server as servers

WS = "/workspaces/default"


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    server = servers.ServerProcess(tmp_path_factory.mktemp("tasks") / "home").start()
    yield server
    server.end()


@pytest.fixture(scope="module")
def client(running):
    with running.client() as client:
        store(client, "models/iris", "model.joblib", b"not a pickle")
        store(client, "models/notes", "notes.md", b"hello")
        yield client


def store(client, place, name, content):
    digest = hashlib.sha256(content).hexdigest()
    client.put(f"/artifacts/blobs/{digest}", content=content).raise_for_status()
    tree = client.post(
        f"{WS}/trees", json={"files": [{"path": name, "size": len(content), "digest": digest}]}
    )
    path = f"{tree.json()['address']}/{name}"
    if place:
        client.post(f"{WS}/{place}/versions", json={"type": "custom_model", "path": path}).raise_for_status()
    return path


def convert(client, model="iris", **body):
    return client.post(f"{WS}/models/{model}/versions/1/convert", json=body)


def profile(client, **body):
    return client.post(f"{WS}/profiles", json={"name": "small", "models": ["azureml:iris:1"], **body})


def give_up(client, operation):
    return client.post(f"{WS}/operations/{operation}/cancel")


def test_a_conversion_is_an_operation_that_can_be_given_up_once(client):
    asked = convert(client)
    assert asked.status_code == 202, asked.text
    operation = asked.json()
    assert (operation["kind"], operation["subject"]) == ("models.convert", "models/iris:1")
    assert client.get(f"{WS}/operations/{operation['id']}").json()["state"] == "Running"
    given_up = give_up(client, operation["id"])
    assert (given_up.status_code, given_up.json()["state"]) == (200, "Canceled")
    again = give_up(client, operation["id"])
    assert again.status_code == 409
    assert "has ended: Canceled" in again.json()["detail"]


def test_a_profile_is_an_operation_that_can_be_given_up(client):
    rows = store(client, "", "rows.jsonl", b'{"data": [[1]]}')
    asked = profile(client, data=rows, cpu=0.1, memory_in_gb=0.5, timeout_s=60)
    assert asked.status_code == 202, asked.text
    assert asked.json()["subject"] == "models/iris:1"
    assert give_up(client, asked.json()["id"]).json()["state"] == "Canceled"


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({}, 400, "A profile needs data"),
        ({"data": "azureml:nothing:1"}, 404, "There is no data nothing:1"),
        ({"data": "/etc/passwd"}, 400, "data"),
        ({"data": "azureml:a:1", "cpu": 4}, 400, "cpu: Input should be less than or equal to 3.5"),
        ({"data": "azureml:a:1", "memory_in_gb": 0}, 400, "memory_in_gb"),
        ({"data": "azureml:a:1", "timeout_s": 0}, 400, "timeout_s"),
        ({"data": "azureml:a:1", "models": []}, 400, "give either models or deployment"),
        ({"data": "azureml:a:1", "name": ""}, 400, "name"),
        ({"data": "azureml:a:1", "rows": 5}, 400, "rows: Extra inputs are not permitted"),
    ],
)
def test_a_profile_that_cannot_be_is_refused_at_once(client, body, status, words):
    answer = profile(client, **body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("model", "body", "status", "words"),
    [
        ("iris", {"to": "coreml"}, 400, "to: Input should be 'onnx'"),
        ("iris", {"rtol": -1}, 400, "rtol"),
        ("iris", {"sample": "azureml:nothing:1"}, 404, "There is no data nothing:1"),
        ("iris", {"environment": "azureml:nothing:1"}, 404, "There is no environment nothing:1"),
        ("absent", {}, 404, "There is no model absent:1"),
        ("notes", {}, 422, "holds nothing that is converted"),
    ],
)
def test_a_conversion_that_cannot_be_is_refused_at_once(client, model, body, status, words):
    answer = convert(client, model, **body)
    assert answer.status_code == status
    assert words in answer.json()["detail"]


def test_what_is_not_there_or_no_task_cannot_be_given_up(client):
    assert give_up(client, "0" * 32).status_code == 404
    made = client.put(f"{WS}/online-endpoints/plain", json={"auth_mode": "key"}).json()
    assert give_up(client, made["id"]).status_code in (409, 422)
