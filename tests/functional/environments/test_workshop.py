"""Definitions to kept locks to folders, with the database and the events, on both databases."""

import dataclasses
import json

import pytest
import sqlalchemy as sa

from zaffre.contracts import environment as contract
from zaffre.core import errors, settings
from zaffre.server import access
from zaffre.server.environments import curated, definitions, errands, service, workshop
from zaffre.server.events import store as event_store

SYSTEM = access.system("test")
READER = access.Caller("ann", (access.Grant("reader", "w"),))


@pytest.fixture
def room(database, solver, builder):
    return workshop.Workshop(database, solver, builder, curated.Table.load())


def definition(*lines):
    return definitions.from_fields({"zaffre": {"requirements": list(lines)}})


def locked_events(database):
    with database.read() as uow:
        rows = uow.connection.execute(sa.select(event_store.events)).all()
    return [row for row in rows if row.type == "EnvironmentLocked"]


def test_a_lock_is_made_once_kept_and_told(room, database):
    subject = service.subject_of("sk", "1")
    lock, built = room.build(SYSTEM, "w", subject, definition("six"), errand=errands.Errand(print))
    lines = []
    again, same = room.build(SYSTEM, "w", subject, definition("six"), errand=errands.Errand(lines.append))
    assert (again, same.path, same.cached, lines) == (lock, built.path, True, [])
    (event,) = locked_events(database)
    assert (event.workspace, event.subject, event.actor) == ("w", "environments/sk:1", "system:test")
    assert event.data == {"name": "sk", "version": "1", "lock_digest": lock.digest, "python": lock.python}


def test_whoever_comes_second_gets_the_first_lock(room, database):
    first = room.lock(
        SYSTEM, "w", "environments/sk:1", definition("six==1.17.0"), errand=errands.Errand(print)
    )
    other = room.solver.lock(definition("six==1.16.0"), errand=errands.Errand(print))
    with database.write() as uow:
        assert service.keep(uow, SYSTEM, "w", "environments/sk:1", other) == first
    assert len(locked_events(database)) == 1


def test_workspaces_do_not_see_each_others_locks(room, database):
    room.lock(SYSTEM, "w", "environments/sk:1", definition("six"), errand=errands.Errand(print))
    with database.read() as uow:
        assert service.find(uow, READER, "w", "environments/sk:1")
        assert service.find(uow, SYSTEM, "other", "environments/sk:1") is None
        with pytest.raises(errors.Denied):
            service.find(uow, READER, "other", "environments/sk:1")
    with pytest.raises(errors.Denied):
        room.lock(READER, "w", "environments/sk:2", definition("six"), errand=errands.Errand(print))


def test_a_failed_solve_keeps_nothing(room, database):
    with pytest.raises(errors.Invalid):
        room.lock(
            SYSTEM,
            "w",
            "environments/sk:1",
            definition("six==1.17.0", "six==1.16.0"),
            errand=errands.Errand(print),
        )
    with database.read() as uow:
        assert service.find(uow, SYSTEM, "w", "environments/sk:1") is None
    assert locked_events(database) == []


def test_a_show_says_what_the_lock_decided(room):
    wanted = definitions.from_fields(
        {"image": "an/image:1", "conda_file": {"dependencies": ["six=1.16", "openssl"]}}
    )
    lock = room.lock(SYSTEM, "w", service.subject_of_definition(wanted), wanted, errand=errands.Errand(print))
    lock = dataclasses.replace(lock, stand_in="Python 3.11 stands in for 3.8.")
    status = service.show(lock, contract.EnvironmentStatus(used_by=["endpoints/e"]))
    assert (status.lock_digest, status.python, status.image) == (lock.digest, lock.python, "an/image:1")
    assert (status.stand_in, len(status.notes), status.used_by) == (
        "Python 3.11 stands in for 3.8.",
        2,
        ["endpoints/e"],
    )
    assert service.show(None, status) is status


def test_the_room_opens_from_settings(database, tmp_path, runtime_source):
    table = tmp_path / "curated.toml"
    table.write_text('[ours]\nnames = ["ours-*"]\nrequirements = ["six"]\n')
    configured, _ = settings.load(
        {"ZAFFRE_HOME": str(tmp_path), "ZAFFRE_CURATED_ENVIRONMENTS_FILE": str(table)}
    )
    opened = workshop.open_workshop(
        configured,
        database,
        {"PATH": "", "HOME": str(tmp_path)},
        runtime_source=runtime_source,
        isolated=False,
    )
    assert opened.table.definition("ours-2").pip == ("six",)
    assert (
        json.loads(
            opened.lock(SYSTEM, "w", "definitions/x", definition(), errand=errands.Errand(print)).to_json()
        )["requirements"]
        == ""
    )
    wrong = dataclasses.replace(configured, curated_environments_file=str(tmp_path / "absent.toml"))
    with pytest.raises(errors.Invalid):
        workshop.open_workshop(wrong, database, {}, runtime_source=runtime_source, isolated=True)
