import pytest

from zaffre.contracts import model
from zaffre.core import clock, errors
from zaffre.server import events
from zaffre.server.access import callers
from zaffre.server.registry.models import service as models
from zaffre.server.registry.versioning import nouns, store, uses
from zaffre.server.registry.versioning import service as versioning

SHELF = models.shelf("default")


def get(database, caller, name, version="@latest"):
    with database.read() as uow:
        return models.get(uow, caller, "default", name, version)


def test_versions_count_up_by_name(enter):
    assert [enter("a").version, enter("a").version, enter("b").version] == ["1", "2", "1"]


def test_a_model_is_read_back_with_its_status(database, ann, enter, weights):
    enter(tags={"team": "red"}, properties={"auc": "0.9"}, description="d", stage="Production")
    found = get(database, ann, "churn", "1")
    assert (found.path, found.type, found.stage, found.description) == (
        weights,
        "custom_model",
        "Production",
        "d",
    )
    assert (found.tags, found.properties) == ({"team": "red"}, {"auc": "0.9"})
    assert (found.status.size, found.status.file_count, found.status.labels) == (10, 1, ["latest"])
    assert (found.status.created_by, found.status.latest_version) == ("ann", "1")


def test_a_registration_is_told_in_the_same_transaction(database, ann, enter, facts, weights):
    enter(tags={"team": "red"})
    digest = weights.split("/")[3]
    data = {
        "name": "churn",
        "version": "1",
        "asset_type": "custom_model",
        "manifest_digest": digest,
        "size": 10,
        "tags": {"team": "red"},
    }
    assert facts() == [("ModelRegistered", "models/churn:1", data)]


def test_a_registration_that_fails_leaves_nothing(database, ann, enter, facts, weights):
    def fail_late():
        with database.write() as uow:
            models.create(uow, ann, "default", model.Model(name="churn", path=weights))
            raise KeyError

    with pytest.raises(KeyError):
        fail_late()
    assert facts() == []
    with pytest.raises(errors.NotFound):
        get(database, ann, "churn", "1")
    assert enter("churn").version == "1"


@pytest.mark.parametrize(("files", "path"), [({"m": b""}, "m"), ({"f/a": b"", "f/b": b""}, "f")])
def test_an_empty_model_is_refused(enter, plant, files, path):
    address = plant(files, path)
    with pytest.raises(errors.Invalid, match="empty"):
        enter(path=address)


@pytest.mark.parametrize(
    "path",
    [
        "azureml://registries/r/models/m/versions/1",
        "https://host/m.bin",
        "azureml://jobs/j/outputs/m",
        "runs:/r/m",
    ],
)
def test_an_address_that_is_not_fetched_yet_says_so(enter, path):
    with pytest.raises(errors.Unsupported, match="does not fetch"):
        enter(path=path)


def test_a_path_must_be_there(enter, plant):
    with pytest.raises(errors.Invalid, match="needs a path"):
        enter(path=None)
    with pytest.raises(errors.NotFound, match="no tree"):
        enter(path="zaffre://trees/" + "0" * 64)
    with pytest.raises(errors.NotFound, match="no file or folder"):
        enter(path=plant({"a/b": b"1"}, "c"))


def test_a_tree_of_another_workspace_is_not_seen(enter, plant):
    address = plant({"m": b"theirs"}, "m", workspace="other")
    with pytest.raises(errors.NotFound, match="no tree"):
        enter(path=address)


def test_an_mlflow_model_is_a_folder_with_an_mlmodel_file(database, ann, room, plant, enter):
    good = plant(
        {"m/MLmodel": b"flavors:\n  sklearn:\n    sklearn_version: 1.5.0\n", "m/model.skops": b"x"}, "m"
    )
    wanted = model.Model(name="ml", path=good, type="mlflow_model")
    with database.write() as uow:
        version, _ = models.register(uow, ann, "default", wanted, room=room)
    assert models.document(version)["flavors"] == {"sklearn": {"sklearn_version": "1.5.0"}}
    assert get(database, ann, "ml").flavors == {"sklearn": {"sklearn_version": "1.5.0"}}
    for path in (plant({"m/model.skops": b"x"}, "m"), plant({"MLmodel": b"flavors: {}"}, "MLmodel")):
        with pytest.raises(errors.Invalid, match="must be a folder"):
            enter(path=path, type="mlflow_model")


def test_an_mlflow_model_that_comes_back_as_it_was_told_is_the_same(database, ann, room, plant):
    path = plant({"m/MLmodel": b"flavors:\n  sklearn:\n    sklearn_version: 1.5.0\n"}, "m")
    wanted = model.Model(name="ml", path=path, type="mlflow_model")
    with database.write() as uow:
        models.register(uow, ann, "default", wanted, room=room)
    told = get(database, ann, "ml")
    for around in (room, None):  # a deployment that names it whole reads no files
        with database.write() as uow:
            version, is_new = models.register(uow, ann, "default", told, room=around)
        assert (version.version, is_new) == ("1", False)
    other = told.model_copy(update={"flavors": {"sklearn": {"sklearn_version": "0.1"}}})
    with database.write() as uow, pytest.raises(errors.AlreadyExists, match="other content"):
        models.register(uow, ann, "default", other, room=room)


@pytest.mark.parametrize(
    "text",
    [b"\x00\xff", b"flavors: [1]", b"!!python/object/apply:os.system ['id']", b"flavors: {a: .nan}", b"- a"],
)
def test_an_mlmodel_file_that_cannot_be_read_gives_no_flavours(database, ann, room, plant, text):
    path = plant({"m/MLmodel": text}, "m")
    with database.write() as uow:
        version, _ = models.register(uow, ann, "default", model.Model(name="m", path=path), room=room)
    assert "flavors" not in models.document(version)


def test_a_triton_model_registers(enter, plant):
    assert enter(path=plant({"repo/m/1/model.onnx": b"x"}, "repo"), type="triton_model").version == "1"


def test_a_pickle_carries_one_line_of_warning(enter, plant):
    found = enter(path=plant({"m/a.pkl": b"x", "m/b.joblib": b"x", "m/c.txt": b"x"}, "m"))
    assert len(found.status.warnings) == 1
    assert "m/a.pkl and 1 more" in found.status.warnings[0]
    assert enter("plain").status.warnings == []


def test_put_of_equal_content_is_the_same_version_and_other_content_is_refused(
    database, ann, enter, plant, facts
):
    enter(version="3")
    again = enter(version="3")
    assert again.version == "3"
    assert [fact[0] for fact in facts()] == ["ModelRegistered"]
    with pytest.raises(errors.AlreadyExists, match="never changes"):
        enter(version="3", path=plant({"other": b"bytes"}, "other"))
    with pytest.raises(errors.AlreadyExists, match="never changes"):
        enter(version="3", type="triton_model")
    assert enter().version == "4"


def test_given_versions_move_the_counter_only_when_they_are_numbers(enter):
    assert [enter(version=v).version for v in ("7", "2.0.1", "007", None)] == ["7", "2.0.1", "007", "8"]


def test_a_number_is_never_given_again(database, ann, enter):
    enter(), enter()
    with database.write() as uow:
        versioning.delete(uow, ann, SHELF, "churn", "2")
    assert enter().version == "3"
    with pytest.raises(errors.AlreadyExists, match="not given again"):
        enter(version="2")
    with database.write() as uow:
        versioning.delete(uow, ann, SHELF, "churn", None)
    with pytest.raises(errors.NotFound):
        get(database, ann, "churn")
    assert enter().version == "4"


def test_what_is_used_cannot_be_deleted_and_the_error_names_who(database, ann, enter):
    enter(), enter()
    with database.write() as uow:
        uses.add_uses(uow, "default", "endpoints/e/deployments/blue", ["models/churn:1"])
    for version in ("1", None):
        with (
            database.write() as uow,
            pytest.raises(errors.InUse, match="churn:1 is used by endpoints/e/deployments/blue") as raised,
        ):
            versioning.delete(uow, ann, SHELF, "churn", version)
        assert raised.value.fields == {"users": ["endpoints/e/deployments/blue"]}
    with database.write() as uow:
        versioning.delete(uow, ann, SHELF, "churn", "2")
        uses.drop_uses(uow, "default", "endpoints/e/deployments/blue")
        versioning.delete(uow, ann, SHELF, "churn", "1")


def test_where_a_model_is_deployed_and_what_a_deployment_uses(database, ann, enter):
    enter(), enter("other")
    with database.write() as uow:
        for user in ("endpoints/e/deployments/blue", "endpoints/e/deployments/green"):
            uses.add_uses(uow, "default", user, ["models/churn:1", "models/other:1", "models/churn:1"])
        assert uses.users_of(uow, "default", "models/churn:1") == [
            "endpoints/e/deployments/blue",
            "endpoints/e/deployments/green",
        ]
        assert uses.uses_of(uow, "default", "endpoints/e/deployments/blue") == [
            "models/churn:1",
            "models/other:1",
        ]
        uses.drop_uses(uow, "default", "endpoints/e/deployments/blue")
        assert uses.users_of(uow, "default", "models/churn:1") == ["endpoints/e/deployments/green"]
        with pytest.raises(errors.NotFound):
            uses.add_uses(uow, "default", "endpoints/e/deployments/x", ["models/churn:9"])
    with database.read() as uow:
        version = versioning.get(uow, ann, SHELF, "churn", "1")
        assert uses.users_by_version(uow, [version.id]) == {version.id: ["endpoints/e/deployments/green"]}


def test_a_reader_reads_and_a_stranger_does_not(database, enter):
    enter()
    reader = callers.Caller(name="r", grants=(callers.Grant("reader", "default"),))
    stranger = callers.Caller(name="s", grants=(callers.Grant("contributor", "other"),))
    assert get(database, reader, "churn").version == "1"
    with pytest.raises(errors.Denied):
        get(database, stranger, "churn")
    with database.write() as uow, pytest.raises(errors.Denied):
        versioning.delete(uow, reader, SHELF, "churn", "1")


@pytest.mark.parametrize("field", ["description", "stage"])
@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_texts_that_no_database_keeps_are_refused(enter, field, text):
    with pytest.raises(errors.Invalid, match="NUL or half a character"):
        enter(**{field: text})


def test_a_deleted_model_gives_its_bytes_free(database, ann, room, enter, monkeypatch):
    from zaffre.server.artifacts import collection

    enter()
    root = callers.Caller(name="root", grants=(callers.Grant("admin"),))
    assert collection.collect(database, root, room, grace_s=0).trees == []
    with database.write() as uow:
        versioning.delete(uow, ann, SHELF, "churn", "1")
    assert len(collection.collect(database, root, room, grace_s=0).trees) == 1


def test_the_reason_of_a_change_travels_with_its_event(database, enter):
    enter()
    heard = []
    events.relay(database, {"t": lambda uow, es: heard.extend((e.type, e.actor, e.reason) for e in es)})
    assert ("ModelRegistered", "ann", "a good one") in heard


def test_an_inline_model_is_one_hidden_version_per_content(database, ann, plant):
    def inline(path):
        with database.write() as uow:
            return models.anonymous(uow, ann, "default", model.Model(path=path))

    one, two = plant({"a.bin": b"one"}, "a.bin"), plant({"a.bin": b"two"}, "a.bin")
    first, again, other = inline(one), inline(one), inline(two)
    assert first.version == again.version != other.version
    with database.read() as uow:
        assert versioning.search(uow, ann, SHELF, nouns.Query()) == ([], None)
        assert models.get(uow, ann, "default", first.name, first.version).path == one


def test_two_versions_never_get_the_same_id(database, ann, weights, monkeypatch):
    """Ids are moments with a random part: of two servers on one database both can make the same."""
    made = iter([store.new_id(clock.now()), store.new_id(clock.now())])
    first = next(made)
    ids = iter([first, first, next(made)])
    monkeypatch.setattr(store, "new_id", lambda _now: next(ids))

    def register(name):
        (outcome,) = database.together(
            [lambda uow: models.create(uow, ann, "default", model.Model(name=name, path=weights))]
        )
        return outcome

    assert [register("a").error, register("b").error] == [None, None]
    assert get(database, ann, "b").version == "1"
