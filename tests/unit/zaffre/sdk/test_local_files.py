"""The user's own files: which belong to a path, and what may not be among them."""

import hashlib
import os

import pytest

from zaffre.contracts import manifests
from zaffre.core import errors
from zaffre.sdk import local_files


def found(path, **rest):
    name, files = local_files.collect(path, what="model", **rest)
    return name, [file.name for file in files]


def test_a_file_and_a_folder_keep_their_names(tmp_path):
    folder = tmp_path / "mo del"
    (folder / "sub").mkdir(parents=True)
    (folder / "b.pkl").write_bytes(b"b")
    (folder / "sub" / "a.txt").write_bytes(b"a")
    assert found(folder) == ("mo del", ["mo del/b.pkl", "mo del/sub/a.txt"])
    assert found(folder / "b.pkl") == ("b.pkl", ["b.pkl"])


def test_the_folder_one_stands_in_has_a_name(tmp_path, monkeypatch):
    (tmp_path / "x").write_text("")
    monkeypatch.chdir(tmp_path)
    assert found(".")[0] == tmp_path.name


def test_ignored_files_stay(tmp_path):
    for name in ("keep.py", "drop.log", "__pycache__/keep.pyc", "data/big.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / ".amlignore").write_text("*.log\ndata/\n")
    _, files = found(tmp_path, ignoring=local_files.CODE_LITTER)
    assert {name.partition("/")[2] for name in files} == {".amlignore", "keep.py"}


def test_a_folder_that_is_kept_from_a_wide_pattern_stays(tmp_path):
    for name in ("keep/a", "drop/b", "c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / ".amlignore").write_text("/*\n!/keep/\n")
    assert [name.partition("/")[2] for name in found(tmp_path)[1]] == ["keep/a"]


def test_links_inside_are_followed(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("x")
    (tmp_path / "link").symlink_to("real/file")
    (tmp_path / "folder").symlink_to("real")
    assert [name.partition("/")[2] for name in found(tmp_path)[1]] == ["folder/file", "link", "real/file"]


@pytest.mark.parametrize("target", ["/etc/hostname", "../outside", "absent", "."])
def test_links_out_of_the_tree_to_nothing_and_in_circles_are_refused(tmp_path, target):
    (tmp_path / "outside").write_text("secret")
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a").write_text("a")
    (folder / "link").symlink_to(target)
    with pytest.raises(errors.Invalid, match="link"):
        found(folder)


def test_a_link_that_is_named_directly_is_meant(tmp_path):
    (tmp_path / "real.pkl").write_text("x")
    (tmp_path / "model.pkl").symlink_to(tmp_path / "real.pkl")
    assert found(tmp_path / "model.pkl") == ("model.pkl", ["model.pkl"])


def test_odd_files_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(errors.Invalid, match="neither a file nor a folder"):
        found(tmp_path)


def test_nothing_there_and_nothing_in_it(tmp_path):
    with pytest.raises(errors.NotFound, match="absent"):
        found(tmp_path / "absent")
    with pytest.raises(errors.Invalid, match="no file"):
        found(tmp_path)
    (tmp_path / ".amlignore").write_text("*\n")
    with pytest.raises(errors.Invalid, match="ignored"):
        found(tmp_path)


def test_names_that_other_systems_cannot_hold_are_refused(tmp_path):
    (tmp_path / "a\\b").write_text("")
    with pytest.raises(errors.Invalid, match="backslash"):
        local_files.bundle(*local_files.collect(tmp_path, what="model"))


def test_digests_are_of_the_content(tmp_path):
    content = os.urandom(3 * local_files.PIECE + 5)
    (tmp_path / "big").write_bytes(content)
    (tmp_path / "empty").write_bytes(b"")
    counted = []
    bundle = local_files.bundle(*local_files.collect(tmp_path, what="m"), count=counted.append)
    known = {entry.path.partition("/")[2]: entry.digest for entry in bundle.manifest.files}
    assert known["big"] == hashlib.sha256(content).hexdigest()
    assert known["empty"] == hashlib.sha256(b"").hexdigest()
    assert sum(counted) == len(content)


def test_a_file_that_changes_meanwhile_is_noticed(tmp_path):
    path = tmp_path / "model.pkl"
    path.write_bytes(b"before")
    _, files = local_files.collect(path, what="m")
    path.write_bytes(b"after it")
    with pytest.raises(errors.Conflict, match="changed"):
        local_files.digest(files[0])
    path.unlink()
    with pytest.raises(errors.Conflict, match="changed"):
        local_files.demand_unchanged(files[0])


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path):
    (tmp_path / "a").write_text("one")
    _, found = local_files.collect(tmp_path / "a", what="model")
    (tmp_path / "a").unlink()
    os.mkfifo(tmp_path / "a")
    with pytest.raises(errors.Conflict, match="changed"):
        local_files.digest(found[0])


def test_more_files_than_a_version_holds_are_refused_before_they_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(manifests, "MAX_FILES", 2)
    for name in "abc":
        (tmp_path / name).write_text(name)
    with pytest.raises(errors.TooLarge, match="3 files are too many"):
        local_files.collect(tmp_path, what="model")
