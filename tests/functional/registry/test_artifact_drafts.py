"""Files that are sent before their digest is known, on the real server."""

import contextlib
import fcntl
import hashlib
import os
import threading
import time

import pytest

from zaffre import MLClient
from zaffre.contracts import samples
from zaffre.entities import Model
from zaffre.testing import server as servers

SIZE = 17 << 20


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    running = servers.ServerProcess(
        tmp_path_factory.mktemp("drafts") / "home", {"ZAFFRE_MAX_UPLOAD_BYTES": str(20 << 20)}
    ).start()
    yield running
    running.end()


@pytest.fixture
def content():
    return os.urandom(SIZE)


def sample_of(content):
    return samples.sample(len(content), lambda length, at: content[at : at + length])


def asked(client, content):
    return client.post("/artifacts/drafts", json={"samples": [sample_of(content)]}).json()["drafts"][0]


def put(client, content, first=0, last=SIZE - 1):
    return client.put(
        f"/artifacts/drafts/{sample_of(content)}",
        content=content[first : last + 1],
        headers={"content-range": f"bytes {first}-{last}/{SIZE}"},
    )


def kept(shared):
    return [file.name for file in (shared.home / "incoming").iterdir()]


def test_a_draft_becomes_a_blob_under_the_digest_that_it_has(client, shared, content):
    assert asked(client, content) == {"sample": sample_of(content), "received": 0, "known": False}
    part = put(client, content, 0, SIZE // 2 - 1)
    assert (part.status_code, part.json()) == (202, {"received": SIZE // 2})
    assert asked(client, content)["received"] == SIZE // 2
    whole = put(client, content, SIZE // 2)
    digest = hashlib.sha256(content).hexdigest()
    assert (whole.status_code, whole.json()) == (201, {"digest": digest, "received": SIZE})
    assert client.get(f"/artifacts/blobs/{digest}").content == content
    assert asked(client, content) == {"sample": sample_of(content), "received": 0, "known": True}
    assert kept(shared) == []


def test_a_draft_of_content_that_is_here_stores_it_once(client, shared, content):
    digest = hashlib.sha256(content).hexdigest()
    assert client.put(f"/artifacts/blobs/{digest}", content=content).status_code == 201
    assert asked(client, content)["known"]
    assert put(client, content).status_code == 201
    assert len(list((shared.home / "blobs").rglob(f"*{digest}*"))) == 1
    assert kept(shared) == []


def test_a_sample_tells_nothing_about_what_only_others_see(client, shared, content):
    assert put(client, content).status_code == 201
    made = client.post(
        "/tokens", json={"name": "stranger", "grants": [{"role": "contributor", "workspace": "elsewhere"}]}
    )
    with shared.client(token=made.json()["token"]) as stranger:
        assert not asked(stranger, content)["known"]


@pytest.mark.parametrize("sample", ["0" * 63, "..%2f..%2fetc%2fpasswd", "G" * 64])
def test_only_a_sample_names_a_draft(client, sample):
    assert client.put(f"/artifacts/drafts/{sample}", content=b"x").status_code in (400, 404, 405)
    assert client.post("/artifacts/drafts", json={"samples": [sample]}).status_code == 400


def test_a_draft_that_lies_about_its_size_leaves_nothing(client, shared, content):
    key = f"/artifacts/drafts/{sample_of(content)}"
    lies = [f"bytes 0-{SIZE - 1}/{1 << 60}", f"bytes 0-{SIZE - 2}/{SIZE}", f"bytes 5-4/{SIZE}"]
    answers = [client.put(key, content=content, headers={"content-range": lie}) for lie in lies]
    assert [answer.status_code for answer in answers] == [413, 400, 400]
    assert kept(shared) == []
    assert client.put(key, content=iter([content, content])).status_code == 413
    assert kept(shared) == []


def test_a_resumed_draft_with_other_bytes_is_stored_as_what_it_is(client, content):
    other = bytes(SIZE // 2)
    sample = f"/artifacts/drafts/{sample_of(content)}"
    client.put(sample, content=other, headers={"content-range": f"bytes 0-{SIZE // 2 - 1}/{SIZE}"})
    found = put(client, content, SIZE // 2).json()["digest"]
    assert found == hashlib.sha256(other + content[SIZE // 2 :]).hexdigest()
    absent = client.get(f"/artifacts/blobs/{hashlib.sha256(content).hexdigest()}")
    assert absent.status_code == 404


def test_drafts_that_nobody_goes_on_with_are_collected(client, shared, content):
    assert put(client, content, 0, 99).status_code == 202
    report = client.post("/artifacts/collection", params={"grace_s": 0, "dry_run": False}).json()
    assert sample_of(content) in report["partial_uploads"]
    assert kept(shared) == []


class Breaker:
    """Ends the upload in its middle, as somebody does who presses Ctrl-C; hears how much is to be sent."""

    def __init__(self, limit):
        self._limit, self._lock = limit, threading.Lock()
        self.totals, self.sent = {}, 0

    def begin(self, what, total):
        self.totals[what.split()[0]] = total

    def advance(self, count):
        with self._lock:
            self.sent += count
        if self.sent > self._limit:
            raise KeyboardInterrupt

    def end(self):
        pass


def await_rest(folder):
    """Until the server has noticed that nobody sends any more."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        for file in folder.iterdir():
            with file.open("rb") as opened, contextlib.suppress(BlockingIOError):
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if file.stat().st_size:
                    return
        time.sleep(0.02)
    raise AssertionError("the upload is still going on, or was forgotten")


def test_a_model_whose_upload_was_interrupted_goes_on_and_is_then_known(shared, tmp_path, content):
    path = tmp_path / "model.bin"
    path.write_bytes(content)

    def register(name, limit):
        heard = Breaker(limit)
        ml_client = MLClient(
            url=shared.facts()["url"], token=shared.token(), workspace_name="default", listener=heard
        )
        ml_client.models.create_or_update(Model(name=name, path=path))
        return heard

    with pytest.raises(KeyboardInterrupt):
        register("draft", SIZE // 2)
    await_rest(shared.home / "incoming")
    second = register("draft", SIZE)
    assert list(second.totals) == ["uploading"]
    assert 0 < second.totals["uploading"] < SIZE
    assert list(register("draft-again", SIZE).totals) == ["hashing"]
