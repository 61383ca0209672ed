"""Users' Python code against a real server: only the import lines differ from azure.ai.ml."""

import os
import signal
import threading
import time

import pytest

from zaffre.core import errors
from zaffre.entities import Data, Environment, Model, Workspace
from zaffre.sdk import processes


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "weights.bin").write_bytes(os.urandom(200_000))
    (folder / "sub" / "note.txt").write_text("x")
    return folder


def test_register_find_and_download_a_model(ml_client, folder, tmp_path):
    made = ml_client.models.create_or_update(
        Model(path=str(folder), name="m1", type="custom_model", tags={"a": "b"})
    )
    assert (made.version, made.tags, made.creation_context.created_by) == ("1", {"a": "b"}, "owner")
    assert ml_client.create_or_update(Model(path=str(folder), name="m1")).version == "2"
    assert [model.version for model in ml_client.models.list(name="m1")] == ["2", "1"]
    assert [model.name for model in ml_client.models.list(tags={"a": "b"})] == ["m1"]
    assert ml_client.models.get("m1", label="latest").version == "2"
    ml_client.models.download(name="m1", version="1", download_path=str(tmp_path / "out"))
    for file in ("weights.bin", "sub/note.txt"):
        assert (tmp_path / "out" / "m1" / "model" / file).read_bytes() == (folder / file).read_bytes()


def test_what_has_no_name_gets_one_of_its_content(ml_client, folder):
    for operations, entity, other in (
        (ml_client.models, Model(path=str(folder), tags={"a": "b"}), Model(path=str(folder / "weights.bin"))),
        (ml_client.data, Data(path=str(folder)), Data(path=str(folder / "sub"))),
        (ml_client.environments, Environment(image="x"), Environment(image="y")),
    ):
        made = operations.create_or_update(entity)
        assert (len(made.name), made.version, made.tags) == (32, "1", entity.tags)
        assert entity.name is None
        again = operations.create_or_update(entity)
        assert (again.name, again.version) == (made.name, "1")
        assert operations.create_or_update(other).name != made.name
        assert made.name in [one.name for one in operations.list()]


def test_what_has_no_name_can_be_registered_again_after_it_was_deleted(ml_client, folder):
    made = ml_client.create_or_update(Model(path=str(folder)))
    ml_client.models.delete(made.name, made.version)
    again = ml_client.create_or_update(Model(path=str(folder)))
    assert (again.name, again.version) == (made.name, "2")


def test_an_update_of_what_was_read(ml_client, folder):
    model = ml_client.models.create_or_update(Model(path=str(folder), name="m2"))
    model.description = "new words"
    model.tags["x"] = "y"
    assert ml_client.models.create_or_update(model).description == "new words"
    assert ml_client.models.get("m2", "1").tags == {"x": "y"}


def test_archive_restore_delete(ml_client, folder):
    for _ in range(2):
        ml_client.models.create_or_update(Model(path=str(folder), name="m3"))
    ml_client.models.archive("m3", version="2")
    assert [model.version for model in ml_client.models.list("m3")] == ["1"]
    assert [model.version for model in ml_client.models.list("m3", list_view_type="ArchivedOnly")] == ["2"]
    assert len(list(ml_client.models.list("m3", list_view_type="All"))) == 2
    with pytest.raises(errors.Invalid, match=r"'Every'.* ActiveOnly, ArchivedOnly or All"):
        ml_client.models.list("m3", list_view_type="Every")
    ml_client.models.restore("m3", version="2")
    ml_client.models.archive("m3")
    assert "m3" not in [model.name for model in ml_client.models.list()]
    ml_client.models.restore("m3")
    ml_client.models.delete("m3", "1")
    with pytest.raises(errors.NotFound):
        ml_client.models.get("m3", "1")


def test_many_versions_are_listed_page_by_page(ml_client, folder):
    first = ml_client.models.create_or_update(Model(path=str(folder), name="many"))
    for _ in range(204):
        ml_client.models.create_or_update(Model(path=first.path, name="many"))
    assert len(list(ml_client.models.list("many"))) == 205
    assert len(list(ml_client.models.list("many", max_results=203))) == 203


def test_data_and_environments(ml_client, folder, tmp_path):
    data = ml_client.data.create_or_update(Data(name="d1", path=str(folder), type="uri_folder"))
    assert data.version == "1"
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.11]")
    made = ml_client.environments.create_or_update(
        Environment(name="e1", image="x", conda_file=str(tmp_path / "conda.yml"))
    )
    assert made.conda_file == {"dependencies": ["python=3.11"]}
    for image, version in (("x", "1"), ("y", "2"), ("y", "2"), ("x", "3")):
        again = Environment(
            name="e1", image=image, conda_file=str(tmp_path / "conda.yml"), tags={"v": version}
        )
        made = ml_client.environments.create_or_update(again)
        assert (made.version, made.tags) == (version, {"v": version})
    copy = ml_client.environments.clone("azureml:e1:1", "e2", changes={"tags": {"from": "e1"}})
    assert (copy.name, copy.tags) == ("e2", {"from": "e1"})
    with pytest.raises(errors.Unsupported):
        ml_client.data.delete("d1", "1")


def test_workspaces(ml_client):
    ml_client.workspaces.begin_create(Workspace(name="fresh")).result()
    assert ml_client.workspaces.get("fresh").resource_group == "rg"
    assert "fresh" in [workspace.name for workspace in ml_client.workspaces.list()]
    ml_client.begin_create_or_update(Workspace(name="fresh", description="more", tags={"a": "b"})).result()
    again = ml_client.workspaces.begin_create(Workspace(name="fresh", tags={"c": "d"})).result()
    assert (again.description, again.tags, again.resource_group) == ("more", {"a": "b", "c": "d"}, "rg")
    changed = ml_client.workspaces.begin_update(Workspace(name="fresh", display_name="F")).result()
    assert (changed.display_name, changed.description, changed.tags) == ("F", "more", again.tags)
    changed.description, changed.tags = None, {}
    cleared = ml_client.workspaces.begin_update(changed, display_name="G").result()
    assert (cleared.display_name, cleared.description, cleared.tags) == ("G", None, {})
    assert "default" in [workspace.name for workspace in ml_client.workspaces.list()]
    ml_client.workspaces.begin_delete("fresh").result()
    with pytest.raises(errors.NotFound):
        ml_client.workspaces.get("fresh")


def test_a_client_waits_while_the_server_restarts(ml_client, home):
    ml_client.tokens.list()
    pid = processes.state(home)["pid"]
    os.kill(pid, signal.SIGKILL)

    def start_again():
        time.sleep(0.3)
        processes.start(lambda _: None, folder=home)

    thread = threading.Thread(target=start_again)
    thread.start()
    try:
        assert ml_client.tokens.list()
    finally:
        thread.join()


def test_names_with_odd_letters_reach_nothing_else(ml_client):
    for name in ("../../tokens", "a/b", "%2e%2e", "..", "a\0b"):
        with pytest.raises((errors.NotFound, errors.Invalid)):
            ml_client.models.get(name, "1")


def test_errors_are_caught_by_the_names_that_users_know(ml_client):
    from zaffre import exceptions

    with pytest.raises(exceptions.ResourceNotFoundError) as found:
        ml_client.online_endpoints.get("nowhere")
    assert isinstance(found.value, exceptions.HttpResponseError)
    assert (found.value.status_code, "nowhere" in found.value.message) == (404, True)
    with pytest.raises(exceptions.ValidationException):
        Model(name="a", type="pickled")


def test_data_is_found_by_its_type(ml_client, folder):
    for kind, path in (("uri_folder", folder), ("uri_file", folder / "weights.bin")):
        ml_client.data.create_or_update(
            Data(name=f"typed-{kind}", path=str(path), type=kind, tags={"t": "1"})
        )
    assert [one.name for one in ml_client.data.list(type="uri_file", tags={"t": "1"})] == ["typed-uri_file"]
