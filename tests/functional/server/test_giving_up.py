"""What builds an environment for nobody is ended: after a task was given up, a deployment deleted, or the server stopped.

The package index of this server answers nothing, so whatever asks it would wait for minutes.
"""

import contextlib
import hashlib
import socket
import threading

import pytest

from zaffre.testing import server as servers
from zaffre.testing import waiting

WS = "/workspaces/default"


class SilentIndex:
    """Takes every connection and never says a word; `asked` and `left` count who came and who went away."""

    def __init__(self):
        self.asked = self.left = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/simple"
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self):
        with contextlib.suppress(OSError):  # the listener is shut down
            while True:
                connection, _ = self._listener.accept()
                self.asked += 1
                self._threads.append(threading.Thread(target=self._listen, args=(connection,)))
                self._threads[-1].start()

    def _listen(self, connection):
        with connection, contextlib.suppress(ConnectionResetError):
            while connection.recv(65536):
                continue
        self.left += 1

    @property
    def waiting(self):
        return self.asked - self.left

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(60)
        self._listener.close()


@pytest.fixture(scope="module")
def index():
    made = SilentIndex()
    yield made
    made.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory, index):
    environment = {"UV_DEFAULT_INDEX": index.url, "UV_HTTP_TIMEOUT": "600", "ZAFFRE_CONDA_OFFLINE": "true"}
    server = servers.ServerProcess(tmp_path_factory.mktemp("giving-up") / "home", environment).start()
    yield server
    server.end()


@pytest.fixture(scope="module")
def model(running):
    with running.client() as client:
        path = store(client, "model.joblib", b"not a pickle")
        body = {"type": "custom_model", "path": path}
        client.post(f"{WS}/models/iris/versions", json=body).raise_for_status()


@pytest.fixture
def client(running, model):
    with running.client() as client:
        yield client


def store(client, name, content):
    digest = hashlib.sha256(content).hexdigest()
    client.put(f"/artifacts/blobs/{digest}", content=content).raise_for_status()
    files = [{"path": name, "size": len(content), "digest": digest}]
    return client.post(f"{WS}/trees", json={"files": files}).json()["address"] + f"/{name}"


def convert(client):
    return client.post(f"{WS}/models/iris/versions/1/convert", json={})


def profile(client):
    rows = store(client, "rows.jsonl", b'{"data": [[1]]}')
    return client.post(f"{WS}/profiles", json={"name": "small", "models": ["azureml:iris:1"], "data": rows})


def state(client, operation):
    return client.get(f"{WS}/operations/{operation}").json()["state"]


@pytest.mark.parametrize("ask", [convert, profile])
def test_giving_a_task_up_ends_its_build(client, index, ask):
    asked = ask(client)
    assert asked.status_code == 202, asked.text
    waiting.until(lambda: index.waiting)
    given_up = client.post(f"{WS}/operations/{asked.json()['id']}/cancel")
    assert given_up.json()["state"] == "Canceled"
    waiting.until(lambda: not index.waiting)


def test_deleting_a_deployment_ends_its_build(client, index):
    client.put(f"{WS}/online-endpoints/hanging", json={"auth_mode": "key"}).raise_for_status()
    deployment = f"{WS}/online-endpoints/hanging/deployments/blue"
    client.put(deployment, json={"model": "azureml:iris:1", "instance_count": 1}).raise_for_status()
    waiting.until(lambda: index.waiting)
    client.delete(deployment).raise_for_status()
    waiting.until(lambda: not index.waiting)


def test_a_stopping_server_waits_for_no_build_and_the_next_one_goes_on(running, client, index):
    asked = convert(client).json()["id"]
    waiting.until(lambda: index.waiting)
    assert running.stop() == 0
    waiting.until(lambda: not index.waiting)
    before = index.asked
    running.start()
    with running.client() as again:
        waiting.until(lambda: index.asked > before)
        assert state(again, asked) == "Running"
        again.post(f"{WS}/operations/{asked}/cancel").raise_for_status()
        waiting.until(lambda: not index.waiting)
