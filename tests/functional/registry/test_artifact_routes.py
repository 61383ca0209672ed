import hashlib
import os

import pytest

CONTENT = os.urandom(2_500_000)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def missing(client, *digests):
    return client.post("/artifacts/missing", json={"digests": digests}).json()["missing"]


def test_an_upload_that_broke_off_goes_on_where_it_stopped(client):
    assert missing(client, DIGEST) == [{"digest": DIGEST, "received": 0}]
    first = client.put(
        f"/artifacts/blobs/{DIGEST}",
        content=CONTENT[:1_000_000],
        headers={"content-range": f"bytes 0-999999/{len(CONTENT)}"},
    )
    assert (first.status_code, first.json()["received"]) == (202, 1_000_000)
    assert missing(client, DIGEST) == [{"digest": DIGEST, "received": 1_000_000}]
    gap = client.put(
        f"/artifacts/blobs/{DIGEST}",
        content=CONTENT[1_500_000:],
        headers={"content-range": f"bytes 1500000-{len(CONTENT) - 1}/{len(CONTENT)}"},
    )
    assert (gap.status_code, gap.json()["fields"]["received"]) == (409, 1_000_000)
    rest = client.put(
        f"/artifacts/blobs/{DIGEST}",
        content=CONTENT[1_000_000:],
        headers={"content-range": f"bytes 1000000-{len(CONTENT) - 1}/{len(CONTENT)}"},
    )
    assert rest.status_code == 201
    assert missing(client, DIGEST) == []
    assert client.get(f"/artifacts/blobs/{DIGEST}").content == CONTENT


def test_wrong_bytes_are_refused_and_nothing_is_stored(client, shared):
    digest = hashlib.sha256(b"right").hexdigest()
    answer = client.put(f"/artifacts/blobs/{digest}", content=b"wrong")
    assert answer.status_code == 400
    assert "nothing was stored" in answer.json()["detail"]
    assert missing(client, digest) == [{"digest": digest, "received": 0}]
    assert client.get(f"/artifacts/blobs/{digest}").status_code == 404


def test_a_file_over_the_limit_is_refused(client, shared):
    content = bytes(3_000_001)
    digest = hashlib.sha256(content).hexdigest()
    assert client.put(f"/artifacts/blobs/{digest}", content=content).status_code == 413
    pieces = (content[start : start + 500_000] for start in range(0, len(content), 500_000))
    assert client.put(f"/artifacts/blobs/{digest}", content=pieces).status_code == 413
    assert not [file for file in (shared.home / "incoming").iterdir() if file.name.startswith(digest)]


@pytest.mark.parametrize(
    ("given", "part", "status"),
    [
        (None, slice(None), 200),
        ("bytes=0-4", slice(0, 5), 206),
        ("bytes=5-", slice(5, None), 206),
        ("bytes=-3", slice(-3, None), 206),
        ("bytes=0-9999", slice(None), 200),
        ("lines=1-2", slice(None), 200),
    ],
)
def test_a_part_is_downloaded(client, put, given, part, status):
    content = b"0123456789"
    headers = {"range": given} if given else {}
    answer = client.get(f"/artifacts/blobs/{put(content)}", headers=headers)
    assert (answer.status_code, answer.content) == (status, content[part])


def test_a_part_outside_is_refused(client, put):
    assert client.get(f"/artifacts/blobs/{put(b'short')}", headers={"range": "bytes=9-"}).status_code == 400


@pytest.mark.parametrize("given", ["bytes 5-1/10", "bytes 0-10/10", "0-1/2", "bytes 0-1/*", "bytes 0-3/10"])
def test_a_content_range_that_makes_no_sense_is_refused(client, given):
    answer = client.put(f"/artifacts/blobs/{'0' * 64}", content=b"12345", headers={"content-range": given})
    assert answer.status_code == 400


@pytest.mark.parametrize("digest", ["0" * 63, "..%2f..%2fetc%2fpasswd", "G" * 64, "A" * 64])
def test_only_a_digest_addresses_a_blob(client, digest):
    assert client.get(f"/artifacts/blobs/{digest}").status_code in (400, 404)
    assert client.put(f"/artifacts/blobs/{digest}", content=b"x").status_code in (400, 404, 405)


@pytest.mark.parametrize("path", ["../a", "/a", "a/../../b", "%2e%2e/a", "C:\\a", "a\0", ""])
def test_a_hostile_name_makes_no_tree(client, put, path):
    entry = {"path": path, "size": 1, "digest": put(b"1")}
    answer = client.post("/workspaces/default/trees", json={"files": [entry]})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_collection_lists_first_and_then_removes(client, put):
    digest = put(b"nobody wants this")
    query = {"grace_s": 0}
    assert digest in client.post("/artifacts/collection", params=query).json()["blobs"]
    assert client.get(f"/artifacts/blobs/{digest}").status_code == 200
    assert digest in client.post("/artifacts/collection", params={**query, "dry_run": False}).json()["blobs"]
    assert client.get(f"/artifacts/blobs/{digest}").status_code == 404
