"""A real server process whose store of blobs and registry the tests of this folder fill."""

import hashlib
import secrets

import pytest

from zaffre.testing import server as servers


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    running = servers.ServerProcess(
        tmp_path_factory.mktemp("server") / "home", {"ZAFFRE_MAX_UPLOAD_BYTES": "3000000"}
    ).start()
    yield running
    running.end()


@pytest.fixture
def client(shared):
    with shared.client() as connected:
        yield connected


@pytest.fixture
def put(client):
    """Uploads content; returns its digest."""

    def upload(content):
        digest = hashlib.sha256(content).hexdigest()
        answer = client.put(f"/artifacts/blobs/{digest}", content=content)
        assert answer.status_code == 201, answer.text
        return digest

    return upload


@pytest.fixture
def plant(client, put):
    """Stores files as a tree; returns its address."""

    def store(files):
        entries = [{"path": path, "size": len(text), "digest": put(text)} for path, text in files.items()]
        answer = client.post("/workspaces/default/trees", json={"files": entries})
        assert answer.status_code == 201, answer.text
        return answer.json()["address"]

    return store


@pytest.fixture
def name():
    return f"m{secrets.token_hex(4)}"
