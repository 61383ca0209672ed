import hashlib

import pytest

from zaffre.contracts import manifests
from zaffre.contracts import workspace as contract
from zaffre.server.access import callers, workspaces
from zaffre.server.artifacts import backends, service, uploads


@pytest.fixture
def ann():
    return callers.Caller(name="ann", grants=(callers.Grant("contributor"),))


@pytest.fixture
def root():
    return callers.Caller(name="root", grants=(callers.Grant("admin"),))


@pytest.fixture
def room(tmp_path):
    return service.Room(
        store=backends.open_store("", tmp_path),
        incoming=uploads.Incoming(tmp_path / "incoming"),
        max_upload_bytes=1_000_000,
    )


@pytest.fixture
def database(database, root):
    with database.write() as uow:
        for name in ("default", "physics", "chemistry"):
            workspaces.create(uow, root, contract.Workspace(name=name))
    return database


@pytest.fixture
def put(database, room):
    """Uploads content as a caller and returns its digest."""

    def upload(caller, content):
        digest = hashlib.sha256(content).hexdigest()
        with database.write() as uow:
            service.begin_upload(uow, caller, digest)
        arriving = uploads.Upload(
            room.incoming, caller.name, digest, offset=0, total=len(content), limit=room.max_upload_bytes
        )
        arriving.write(content)
        service.finish_upload(database, caller, room, arriving)
        return digest

    return upload


@pytest.fixture
def plant(database, put):
    """Stores a tree of `{path: content}` and returns its manifest."""

    def store(caller, files, workspace="default"):
        entries = [
            manifests.FileEntry(path=path, size=len(text), digest=put(caller, text))
            for path, text in files.items()
        ]
        manifest = manifests.Manifest.of(entries)
        with database.write() as uow:
            service.create_tree(uow, caller, workspace, manifest)
        return manifest

    return store
