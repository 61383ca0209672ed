"""Files of a tree on disk: whole or not there, and open to the user that replicas run as."""

import os

import pytest

from zaffre.contracts import manifests
from zaffre.core import errors
from zaffre.server.artifacts import placing

FILES = {"model/a.bin": b"1", "model/deep/er/b.bin": b"2", "model/readme": b"3"}


@pytest.fixture
def private_umask():
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_other_users_may_read_it_whatever_the_servers_umask_is(room, ann, plant, tmp_path, private_umask):
    manifest = plant(ann, FILES)
    placing.fill(tmp_path / "set" / "models" / "m", manifest.files, "model", blobs=room.store)
    placed = [tmp_path / "set", *(tmp_path / "set").rglob("*")]
    contents = {str(path.relative_to(tmp_path)): path.read_bytes() for path in placed if path.is_file()}
    assert contents == {f"set/models/m/{name.removeprefix('model/')}": text for name, text in FILES.items()}
    assert {path.stat().st_mode & 0o777 for path in placed if path.is_file()} == {0o444}
    assert {path.stat().st_mode & 0o777 for path in placed if path.is_dir()} == {0o755}


def test_a_missing_content_leaves_no_folder(room, ann, plant, tmp_path):
    manifest = plant(ann, FILES)
    room.store.remove(manifest.files[1].digest)
    with pytest.raises(errors.NotFound):
        placing.fill(tmp_path / "t", manifest.files, "", blobs=room.store)
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("path", ["../../escaped", "/tmp/escaped", "a/../../escaped"])
def test_a_hostile_name_that_got_past_everything_else_is_refused(room, ann, plant, tmp_path, path):
    good = plant(ann, {"a": b"1"}).files[0]
    entry = manifests.FileEntry.model_construct(path=path, size=good.size, digest=good.digest)
    with pytest.raises(errors.Invalid):
        placing.fill(tmp_path / "x" / "y" / "t", [entry], "", blobs=room.store)
    assert not list(tmp_path.rglob("escaped"))
