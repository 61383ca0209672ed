import hashlib

import pytest

from zaffre.contracts import manifests
from zaffre.core import errors
from zaffre.server.access import callers
from zaffre.server.artifacts import service


def digest_of(content):
    return hashlib.sha256(content).hexdigest()


def member(name, workspace):
    return callers.Caller(name=name, grants=(callers.Grant("contributor", workspace),))


def missing(database, caller, room, *digests):
    with database.write() as uow:
        return [(found.digest, found.received) for found in service.missing(uow, caller, room, digests)]


def test_only_unknown_content_is_missing(database, room, ann, put):
    known, unknown = put(ann, b"known"), digest_of(b"unknown")
    assert missing(database, ann, room, known, unknown, unknown) == [(unknown, 0)]


def test_a_tree_is_stored_and_read_back(database, ann, plant):
    manifest = plant(ann, {"model/b.bin": b"2", "model/a.bin": b"1"})
    with database.write() as uow:
        address = service.create_tree(uow, ann, "default", manifest)
        assert address == f"zaffre://trees/{manifest.digest}"
        assert service.tree(uow, ann, "default", manifest.digest) == manifest


def test_a_tree_needs_its_contents_with_their_sizes(database, ann, put):
    known = put(ann, b"known")
    absent = digest_of(b"absent")
    known_entry = manifests.FileEntry(path="a", size=5, digest=known)
    lacking = manifests.Manifest.of([known_entry, manifests.FileEntry(path="b", size=1, digest=absent)])
    longer = manifests.Manifest.of([manifests.FileEntry(path="a", size=6, digest=known)])
    with database.write() as uow:
        with pytest.raises(errors.Invalid) as raised:
            service.create_tree(uow, ann, "default", lacking)
        assert raised.value.fields == {"missing": [absent]}
        with pytest.raises(errors.Invalid, match="has 5 bytes, not 6"):
            service.create_tree(uow, ann, "default", longer)


@pytest.mark.parametrize(
    "path", ["../a", "/etc/passwd", "a/../../b", "C:/a", "a\\b", "a\0b", "%2e%2e/a", "a//b", "./a", "~/a"]
)
def test_hostile_names_never_become_a_tree(path):
    with pytest.raises(errors.Invalid):
        manifests.Manifest.parse({"files": [{"path": path, "size": 1, "digest": "0" * 64}]})


def test_a_digest_alone_opens_nothing(database, room, plant, put):
    ann, bob = member("ann", "physics"), member("bob", "chemistry")
    manifest = plant(ann, {"secret.bin": b"half-life"}, workspace="physics")
    digest = manifest.files[0].digest
    assert missing(database, bob, room, digest) == [(digest, 0)]
    with database.write() as uow:
        with pytest.raises(errors.NotFound):
            service.blob_size(uow, bob, digest)
        with pytest.raises(errors.Invalid, match="are not here"):
            service.create_tree(uow, bob, "chemistry", manifest)
        with pytest.raises(errors.Denied):
            service.tree(uow, bob, "physics", manifest.digest)
        assert service.blob_size(uow, ann, digest) == 9
    put(bob, b"half-life")
    with database.write() as uow:
        service.create_tree(uow, bob, "chemistry", manifest)


def test_colleagues_need_not_upload_what_their_workspace_has(database, room, plant):
    plant(member("ann", "physics"), {"a": b"shared"}, workspace="physics")
    assert missing(database, member("eve", "physics"), room, digest_of(b"shared")) == []


def test_a_reader_uploads_nothing(database, room):
    reader = callers.Caller(name="r", grants=(callers.Grant("reader"),))
    with database.write() as uow:
        with pytest.raises(errors.Denied):
            service.missing(uow, reader, room, [])
        with pytest.raises(errors.Denied):
            service.begin_upload(uow, reader, "0" * 64)


def test_equal_bytes_are_kept_once(room, ann, put):
    put(ann, b"same")
    put(ann, b"same")
    kept = [file for file in (room.incoming.folder.parent / "blobs").rglob("*") if file.is_file()]
    assert len(kept) == 1
    assert kept[0].stat().st_mode & 0o777 == 0o444


def test_the_files_at_an_address_are_found(database, ann, plant):
    manifest = plant(ann, {"model/a": b"1", "model/b/c": b"2", "model.txt": b"3", "model0": b"4"})
    with database.write() as uow:
        folder = service.find(uow, "default", manifests.address(manifest.digest, "model"))
        assert [entry.path for entry in folder.files] == ["model/a", "model/b/c"]
        one = service.find(uow, "default", manifests.address(manifest.digest, "model.txt"))
        assert [entry.path for entry in one.files] == ["model.txt"]
        with pytest.raises(errors.NotFound, match="no file or folder 'mod'"):
            service.find(uow, "default", manifests.address(manifest.digest, "mod"))
        with pytest.raises(errors.NotFound, match="no tree"):
            service.find(uow, "elsewhere", manifests.address(manifest.digest))
        with pytest.raises(errors.Invalid, match="not the address"):
            service.find(uow, "default", "file:///etc/passwd")
