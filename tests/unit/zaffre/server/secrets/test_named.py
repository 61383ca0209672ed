"""Named secrets: set and set again, never shown, kept while somebody uses them."""

import json

import pytest

from zaffre.contracts import workspace
from zaffre.core import errors
from zaffre.server import access, db, secrets
from zaffre.server.access import store as _tables  # noqa: F401  # declares tables
from zaffre.server.access import workspaces
from zaffre.server.events import store as event_store
from zaffre.server.secrets import named as service

BOSS = access.Caller("boss", (access.Grant("admin"),))
READER = access.Caller("reader", (access.Grant("reader"),))
VALUE = "correct-horse-battery-staple"


@pytest.fixture
def database(tmp_path):
    opened = db.Database(f"sqlite:///{tmp_path}/x.db")
    with opened.write() as uow:
        db.metadata.create_all(uow.connection)
        workspaces.create(uow, BOSS, workspace.Workspace(name="default"))
    yield opened
    opened.close()


@pytest.fixture
def box(tmp_path):
    return secrets.Box(tmp_path / "key")


@pytest.fixture
def put(database, box):
    def do(name="db", value=VALUE, caller=BOSS, **fields):
        with database.write() as uow:
            return service.put(uow, caller, box, "default", name, value=value, **fields)

    return do


def test_what_is_shown_is_everything_but_the_value(database, box, put):
    made = put(description="of the database")
    assert (made["revision"], made["created_by"], made["used_by"]) == (1, "boss", [])
    assert put(value="another")["revision"] == 2
    with database.read() as uow:
        shown = [service.get(uow, READER, "default", "db"), *service.list_all(uow, READER, "default")]
        assert service.reveal(uow, box, "default", ["db"]) == {"db": "another"}
    assert VALUE not in json.dumps(shown)
    assert "sealed" not in shown[0]


def test_neither_tables_nor_events_hold_the_value(database, put):
    put()
    with database.read() as uow:
        dump = "\n".join(uow.connection.connection.driver_connection.iterdump())
        kinds = [row.type for row in uow.connection.execute(event_store.events.select())]
    assert VALUE not in dump
    assert "SecretStored" in kinds


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("../x", "v", errors.Invalid),
        ("", "v", errors.Invalid),
        ("a" * 128, "v", errors.Invalid),
        ("a", "", errors.Invalid),
        ("a", "x\0y", errors.Invalid),
        ("a", "x" * 40_000, errors.TooLarge),
    ],
)
def test_what_cannot_be_a_secret(put, name, value, kind):
    with pytest.raises(kind) as caught:
        put(name, value)
    assert not value or value not in str(caught.value) or len(value) < 2


def test_who_may_do_what(database, put):
    put()
    with pytest.raises(errors.Denied):
        put(caller=READER)
    with pytest.raises(errors.Denied), database.read() as uow:
        service.require_use(uow, READER, "default", ["db"])
    with pytest.raises(errors.NotFound, match="no secret absent"), database.read() as uow:
        service.require_use(uow, BOSS, "default", ["absent"])


def test_a_used_secret_stays(database, put):
    put()
    user = "endpoints/churn/deployments/blue"
    with database.write() as uow:
        service.use_only(uow, "default", user, ["db", "db"])
        assert service.get(uow, BOSS, "default", "db")["used_by"] == [user]
    with pytest.raises(errors.InUse, match="deployments/blue"), database.write() as uow:
        service.delete(uow, BOSS, "default", "db")
    with database.write() as uow:
        service.use_only(uow, "default", user, [])
        service.delete(uow, BOSS, "default", "db")
    with pytest.raises(errors.NotFound), database.read() as uow:
        service.get(uow, BOSS, "default", "db")
