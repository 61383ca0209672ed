import hashlib

import pytest

from zaffre.contracts import manifests, model
from zaffre.contracts import workspace as contract
from zaffre.server.access import callers, workspaces
from zaffre.server.artifacts import backends, uploads
from zaffre.server.artifacts import service as artifacts
from zaffre.server.registry.models import service as models


@pytest.fixture
def ann():
    return callers.Caller(name="ann", grants=(callers.Grant("contributor"),), reason="a good one")


@pytest.fixture
def database(database):
    root = callers.system("test")
    with database.write() as uow:
        for name in ("default", "other"):
            workspaces.create(uow, root, contract.Workspace(name=name))
    return database


@pytest.fixture
def room(tmp_path):
    return artifacts.Room(
        store=backends.open_store("", tmp_path), incoming=uploads.Incoming(tmp_path / "incoming")
    )


@pytest.fixture
def plant(database, room, ann):
    """Stores `{path: content}` as a tree; returns the address of a file or folder in it."""

    def store(files, path="", workspace="default"):
        entries = []
        for name, text in files.items():
            digest = hashlib.sha256(text).hexdigest()
            with database.write() as uow:
                artifacts.begin_upload(uow, ann, digest)
            upload = uploads.Upload(room.incoming, ann.name, digest, offset=0, total=len(text), limit=1 << 30)
            upload.write(text)
            artifacts.finish_upload(database, ann, room, upload)
            entries.append(manifests.FileEntry(path=name, size=len(text), digest=digest))
        manifest = manifests.Manifest.of(entries)
        with database.write() as uow:
            artifacts.create_tree(uow, ann, workspace, manifest)
        return manifests.address(manifest.digest, path)

    return store


@pytest.fixture
def weights(plant):
    return plant({"weights.bin": b"0123456789"}, "weights.bin")


@pytest.fixture
def enter(database, ann, weights):
    """Registers a model by name and fields; returns its entity."""

    def register(name="churn", *, path=weights, **fields):
        with database.write() as uow:
            return models.create(uow, ann, "default", model.Model(name=name, path=path, **fields))

    return register


@pytest.fixture
def facts(database):
    """The events so far, oldest first, as (type, subject, data)."""
    from zaffre.server import events

    heard = []

    def read():
        while events.relay(
            database, {"t": lambda uow, es: heard.extend((e.type, e.subject, e.data) for e in es)}
        ):
            pass
        return [fact for fact in heard if not fact[0].startswith("Workspace")]

    return read
