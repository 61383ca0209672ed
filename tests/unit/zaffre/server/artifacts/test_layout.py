import threading

import pytest

from zaffre.contracts import manifests
from zaffre.core import errors
from zaffre.server.artifacts import layout

FILES = {"model/a.bin": b"1", "model/deep/er/b.bin": b"2", "readme": b"3"}


def read(folder):
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_tree_is_laid_out_whole_and_read_only(room, ann, plant, tmp_path):
    target = tmp_path / "replica" / "model"
    manifest = plant(ann, FILES)
    assert layout.lay_out(room.store, manifest, target) == target
    assert read(target) == FILES
    assert {file.stat().st_mode & 0o777 for file in target.rglob("*") if file.is_file()} == {0o444}
    assert {folder.stat().st_mode & 0o777 for folder in target.rglob("*") if folder.is_dir()} == {0o755}


def test_laying_out_again_changes_nothing(room, ann, plant, tmp_path):
    manifest = plant(ann, FILES)
    layout.lay_out(room.store, manifest, tmp_path / "t")
    before = {file: file.stat().st_ctime_ns for file in (tmp_path / "t").rglob("*")}
    layout.lay_out(room.store, manifest, tmp_path / "t")
    assert {file: file.stat().st_ctime_ns for file in (tmp_path / "t").rglob("*")} == before


def test_many_may_lay_out_the_same_at_once(room, ann, plant, tmp_path):
    manifest = plant(ann, FILES)
    failures = []

    def lay():
        try:
            layout.lay_out(room.store, manifest, tmp_path / "t")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=lay) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert read(tmp_path / "t") == FILES
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".t.")] == []


def test_a_missing_content_leaves_no_folder(room, ann, plant, tmp_path):
    manifest = plant(ann, FILES)
    room.store.remove(manifest.files[1].digest)
    with pytest.raises(errors.NotFound):
        layout.lay_out(room.store, manifest, tmp_path / "t")
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("path", ["../../escaped", "/tmp/escaped", "a/../../escaped"])
def test_a_hostile_name_that_got_past_everything_else_is_refused(room, ann, plant, tmp_path, path):
    good = plant(ann, {"a": b"1"}).files[0]
    entry = manifests.FileEntry.model_construct(path=path, size=good.size, digest=good.digest)
    hostile = manifests.Manifest.model_construct(files=(entry,))
    with pytest.raises(errors.Invalid):
        layout.lay_out(room.store, hostile, tmp_path / "x" / "y" / "t")
    assert not list(tmp_path.rglob("escaped"))
