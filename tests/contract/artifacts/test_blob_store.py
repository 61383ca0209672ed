import functools
import hashlib
import shutil
import tempfile
from pathlib import Path

import pytest

from zaffre.core import errors
from zaffre.server.artifacts import backends
from zaffre.server.artifacts.backends import objects
from zaffre.testing import blob_store


@pytest.fixture
def other_disk(tmp_path):
    if not Path("/dev/shm").is_dir() or Path("/dev/shm").stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has one file system only")
    folder = Path(tempfile.mkdtemp(prefix="zaffre-", dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)


class TestLocalBlobStore(blob_store.BlobStoreContract):
    @pytest.fixture
    def blobs(self, tmp_path):
        return backends.open_store("", tmp_path)

    def test_a_placed_file_is_a_hard_link_where_the_disk_allows(self, blobs, tmp_path):
        digest, file = blob_store.write_file(tmp_path, b"linked")
        blobs.adopt(digest, file)
        blobs.place(digest, tmp_path / "a")
        blobs.place(digest, tmp_path / "b")
        assert (tmp_path / "a").stat().st_ino == (tmp_path / "b").stat().st_ino

    def test_a_placed_file_is_copied_across_disks(self, blobs, other_disk, tmp_path):
        digest, file = blob_store.write_file(tmp_path, b"copied")
        blobs.adopt(digest, file)
        target = other_disk / "placed"
        blobs.place(digest, target)
        assert target.read_bytes() == b"copied"
        assert target.stat().st_mode & 0o777 == 0o444

    def test_uploads_may_wait_on_another_disk(self, blobs, other_disk):
        digest, file = blob_store.write_file(other_disk, b"from afar")
        blobs.adopt(digest, file)
        assert not file.exists()
        assert b"".join(blobs.read(digest)) == b"from afar"


class TestS3BlobStore(blob_store.BlobStoreContract):
    @pytest.fixture
    def blobs(self, s3_server):
        url = s3_server.create_bucket()
        return objects.ObjectBlobStore(functools.partial(objects.connect, url, **s3_server.options))


class TestAzureBlobStore(blob_store.BlobStoreContract):
    @pytest.fixture
    def blobs(self, azure_server):
        url = azure_server.create_container()
        return objects.ObjectBlobStore(functools.partial(objects.connect, url, **azure_server.options))


def test_a_store_that_does_not_answer_is_unavailable_and_names_no_secret(tmp_path):
    options = {
        "endpoint": "http://127.0.0.1:9",
        "access_key_id": "someone",
        "secret_access_key": "hush-hush",
        "region": "us-east-1",
        "client_options": {"allow_http": True},
        "retry_config": {"max_retries": 0},
    }
    blobs = objects.ObjectBlobStore(functools.partial(objects.connect, "s3://bucket/x", **options))
    digest, file = blob_store.write_file(tmp_path, b"x")
    with pytest.raises(errors.Unavailable) as raised:
        blobs.adopt(digest, file)
    assert "hush-hush" not in str(raised.value)
    assert file.exists()


def test_an_object_whose_bytes_changed_is_not_placed(s3_server, tmp_path):
    url = s3_server.create_bucket()
    blobs = objects.ObjectBlobStore(functools.partial(objects.connect, url, **s3_server.options))
    _, file = blob_store.write_file(tmp_path, b"spoiled")
    digest = hashlib.sha256(b"what it should be").hexdigest()
    blobs.adopt(digest, file)
    with pytest.raises(errors.Unavailable):
        blobs.place(digest, tmp_path / "target")
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("url", ["ftp://host/x", "zaffre://trees"])
def test_an_unknown_kind_of_store_is_refused(url, tmp_path):
    with pytest.raises(errors.Invalid, match="names no store"):
        backends.open_store(url, tmp_path)
