"""Uploads by callers who lie: about ranges, sizes, contents, names, and the files on their own disk."""

import concurrent.futures
import hashlib
import os
import secrets
import socket
import stat

import pytest

from zaffre import MLClient
from zaffre.contracts import manifests
from zaffre.core import errors
from zaffre.entities import Model

SIZE = 300_000


@pytest.fixture
def client(shared):
    with shared.client() as connected:
        yield connected


@pytest.fixture
def content():
    return os.urandom(SIZE)


def digest_of(content):
    return hashlib.sha256(content).hexdigest()


def put(client, content, first, last, total, *, sent=None):
    return client.put(
        f"/artifacts/blobs/{digest_of(content)}",
        content=content[first : last + 1] if sent is None else sent,
        headers={"content-range": f"bytes {first}-{last}/{total}"},
    )


def kept(shared, digest):
    return [file for file in (shared.home / "incoming").glob(f"{digest}*") if file.is_file()]


@pytest.mark.parametrize(
    ("first", "last", "total", "status"),
    [
        (0, SIZE, SIZE, 400),
        (SIZE, SIZE + 5, SIZE, 400),
        (5, 4, SIZE, 400),
        (0, SIZE - 1, 1 << 60, 413),
        (0, SIZE - 1, 10**18, 413),
        (0, SIZE - 2, SIZE, 400),
    ],
    ids=["beyond", "behind", "backwards", "huge", "enormous", "shorter than the body"],
)
def test_a_range_that_lies_is_refused_and_leaves_nothing(client, shared, content, first, last, total, status):
    answer = put(client, content, first, last, total, sent=content)
    assert answer.status_code == status, answer.text
    assert kept(shared, digest_of(content)) == []


def test_a_part_may_come_twice_and_overlap(client, content):
    assert put(client, content, 0, 199_999, SIZE).status_code == 202
    assert put(client, content, 100_000, 249_999, SIZE).status_code == 202
    assert put(client, content, 50_000, SIZE - 1, SIZE).status_code == 201
    assert client.get(f"/artifacts/blobs/{digest_of(content)}").content == content


def test_a_total_that_changes_between_parts_makes_no_other_content(client, shared, content):
    assert put(client, content, 0, 99_999, SIZE).status_code == 202
    shrunk = put(client, content, 100_000, 149_999, 150_000)
    assert (shrunk.status_code, kept(shared, digest_of(content))) == (400, [])
    assert put(client, content, 0, 99_999, SIZE).status_code == 202
    grown = put(client, content, 100_000, SIZE - 1, SIZE + 10)
    assert grown.status_code == 202
    assert client.get(f"/artifacts/blobs/{digest_of(content)}").status_code == 404


def test_a_resume_with_other_bytes_is_refused_and_the_right_ones_are_taken_afterwards(
    client, shared, content
):
    wrong = bytes(100_000)
    assert put(client, content, 0, 99_999, SIZE, sent=wrong).status_code == 202
    answer = put(client, content, 100_000, SIZE - 1, SIZE)
    assert answer.status_code == 400
    assert "nothing was stored" in answer.json()["detail"]
    assert kept(shared, digest_of(content)) == []
    assert put(client, content, 0, SIZE - 1, SIZE).status_code == 201


def test_many_uploads_of_one_content_at_once_store_it_once(client, shared):
    content = os.urandom(8 << 20)
    digest = digest_of(content)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        answers = list(
            pool.map(lambda _: client.put(f"/artifacts/blobs/{digest}", content=content), range(6))
        )
    assert {answer.status_code for answer in answers} == {201}
    assert client.get(f"/artifacts/blobs/{digest}").content == content
    assert len(list((shared.home / "blobs").rglob(f"*{digest}*"))) == 1
    assert kept(shared, digest) == []


@pytest.mark.parametrize(
    "path",
    ["a\0b", "C:/x", "c:x", "//server/share", "..\\x", "a/../../b", "a//b", "%2e%2e/x", "~/x", "/x", "", "."],
)
def test_no_tree_has_a_name_that_leaves_it(client, content, path):
    assert put(client, content, 0, SIZE - 1, SIZE).status_code == 201
    entry = {"path": path, "size": SIZE, "digest": digest_of(content)}
    answer = client.post("/workspaces/default/trees", json={"files": [entry]})
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("item", ["{}", "[]", "1", '""', "[1,[]]"])
def test_a_list_of_countless_values_costs_little(client, shared, item):
    before = peak_kb(shared)
    body = '{"files":[' + ",".join([item] * ((31 << 20) // (len(item) + 1))) + "]}"
    answer = client.post("/workspaces/default/trees", content=body)
    assert answer.status_code == 413, answer.text
    assert peak_kb(shared) - before < 160 << 10


def test_too_many_files_are_refused_by_their_number(client):
    entries = [{"path": str(i), "size": 1, "digest": "0" * 64} for i in range(manifests.MAX_FILES + 1)]
    answer = client.post("/workspaces/default/trees", json={"files": entries})
    assert answer.status_code == 413
    assert str(manifests.MAX_FILES) in answer.json()["detail"]


def peak_kb(server):
    with open(f"/proc/{server.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


@pytest.fixture
def ml_client(shared):
    return MLClient(url=shared.facts()["url"], token=shared.token(), workspace_name="default")


def make_socket(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def make_device(path):
    try:
        os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero
    except PermissionError:
        pytest.skip("only root makes devices")


@pytest.mark.parametrize("inside", [True, False], ids=["in a folder", "itself"])
@pytest.mark.parametrize("make", [os.mkfifo, make_socket, make_device], ids=["fifo", "socket", "device"])
def test_what_is_no_file_is_not_read(ml_client, tmp_path, make, inside):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a.bin").write_bytes(b"a")
    make(folder / "odd")
    with pytest.raises(errors.Invalid, match="neither a file nor a folder"):
        ml_client.models.create_or_update(Model(name="odd", path=folder if inside else folder / "odd"))


def test_links_to_other_peoples_files_and_devices_are_not_followed(ml_client, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    for target in ("/etc/passwd", "/dev/zero", "../..", "/proc/self/environ"):
        (folder / "link").symlink_to(target)
        with pytest.raises(errors.Invalid, match="link that leads out"):
            ml_client.models.create_or_update(Model(name="link", path=folder))
        (folder / "link").unlink()


class Meddler:
    """Changes a file once so much of it was sent."""

    def __init__(self, path, change):
        self._path, self._change, self._sent = path, change, None

    def begin(self, what, total):
        self._sent = 0 if what.startswith("uploading") else None

    def advance(self, count):
        if self._sent is not None:
            self._sent += count
            if self._sent == count:
                self._change(self._path)

    def end(self):
        self._sent = None


def shrink(path):
    os.truncate(path, 1000)


def grow(path):
    with path.open("ab") as file:
        file.write(b"more")


def overwrite(path):
    with path.open("r+b") as file:
        file.seek(20 << 20)
        file.write(b"other")


@pytest.mark.parametrize("change", [shrink, grow, overwrite])
def test_a_file_that_changes_on_its_way_registers_nothing(shared, tmp_path, change):
    path = tmp_path / "model.bin"
    path.write_bytes(os.urandom(24 << 20))
    meddler = Meddler(path, change)
    meddled = MLClient(
        url=shared.facts()["url"], token=shared.token(), workspace_name="default", listener=meddler
    )
    name = f"m{secrets.token_hex(4)}"
    with pytest.raises(errors.Conflict, match="changed while it was being uploaded"):
        meddled.models.create_or_update(Model(name=name, path=path))
    with pytest.raises(errors.NotFound):
        meddled.models.get(name, version="1")
