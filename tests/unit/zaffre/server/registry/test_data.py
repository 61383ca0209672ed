import pytest

from zaffre.contracts import data
from zaffre.core import errors
from zaffre.server.registry.data import service
from zaffre.server.registry.versioning import service as versioning


def register(database, caller, **fields):
    with database.write() as uow:
        return service.create(uow, caller, "default", data.Data(name="rides", **fields))


@pytest.fixture
def paths(plant):
    return {
        "file": plant({"a.csv": b"1"}, "a.csv"),
        "folder": plant({"f/a.csv": b"1", "f/b.csv": b"2"}, "f"),
        "table": plant({"t/MLTable": b"paths: []", "t/a.csv": b"1"}, "t"),
        "deep": plant({"t/deep/MLTable": b"paths: []"}, "t"),
    }


@pytest.mark.parametrize(
    ("kind", "path"),
    [("uri_file", "file"), ("uri_folder", "folder"), ("mltable", "table"), ("uri_folder", "table")],
)
def test_each_kind_registers_what_it_is(database, ann, paths, kind, path):
    made = register(database, ann, type=kind, path=paths[path])
    assert (made.version, made.type, made.path) == ("1", kind, paths[path])
    assert made.status.manifest_digest == paths[path].split("/")[3]
    assert made.status.size > 0


@pytest.mark.parametrize(("kind", "path", "said"), [
    ("uri_file", "folder", "must be one file"), ("uri_folder", "file", "must be a folder"), ("mltable", "file", "must be a folder"),
    ("mltable", "folder", "file MLTable"), ("mltable", "deep", "file MLTable"),
])  # fmt: skip
def test_each_kind_refuses_what_it_is_not(database, ann, paths, kind, path, said):
    with pytest.raises(errors.Invalid, match=said):
        register(database, ann, type=kind, path=paths[path])


@pytest.mark.parametrize("version", ["1", None])
def test_data_cannot_be_deleted(database, ann, paths, version):
    register(database, ann, type="uri_file", path=paths["file"])
    with database.write() as uow, pytest.raises(errors.Unsupported, match="cannot be deleted: it says what"):
        versioning.delete(uow, ann, service.shelf("default"), "rides", version)


def test_models_and_data_of_one_name_are_apart(database, ann, paths, enter):
    enter("rides"), enter("rides")
    assert register(database, ann, type="uri_file", path=paths["file"]).version == "1"
