"""Models that deployments gave inline go when no revision refers to them, and only those; on both databases."""

import threading

import pytest

from zaffre.contracts import model as contract
from zaffre.core import clock, errors
from zaffre.server import access, operations
from zaffre.server.artifacts import collection
from zaffre.server.endpoints.online import store as revisions
from zaffre.server.endpoints.online import sweeping
from zaffre.server.registry.models import service as models
from zaffre.server.registry.versioning import changes, uses

SYSTEM = access.system("tests")
USER = "endpoints/e/deployments/blue"


@pytest.fixture
def describe(database, plant):
    """Gives a model as a deployment does, with so much content."""

    def give(content=b"one"):
        path = plant({"a.bin": content}, "a.bin")
        with database.write() as uow:
            return models.anonymous(uow, SYSTEM, "default", contract.Model(path=path))

    return give


@pytest.fixture
def sweep(database):
    def run(*, dry_run=False, grace_s=0):
        return sweeping.sweep_models(database, SYSTEM, grace_s=grace_s, dry_run=dry_run).models

    return run


def address(model):
    return f"workspaces/default/models/{model.name}:{model.version}"


def revise(database, model):
    """A revision of a deployment that serves a model."""
    columns = {column.name: "" for column in revisions.revisions.c}
    served = {"name": model.name, "version": model.version, "type": "custom_model", "address": model.path}
    row = {
        **columns, "id": "r1", "workspace": "default", "number": 1, "instances": 1, "body": {}, "last_lines": [],
        "resolved": {"environment": {"id": "sklearn", "curated": "sklearn"}, "models": [served]},
        "lock_digest": None, "created_at": clock.now(),
    }  # fmt: skip
    with database.write() as uow:
        revisions.insert_revision(uow, row)


def test_a_dry_run_lists_what_the_real_one_removes_and_all_can_come_back(database, describe, sweep):
    one, two = describe(), describe(b"two")
    assert sorted(sweep(dry_run=True)) == sorted([address(one), address(two)])
    assert sorted(sweep()) == sorted([address(one), address(two)])
    assert sweep() == []
    with database.read() as uow, pytest.raises(errors.NotFound):
        models.get(uow, SYSTEM, "default", one.name, one.version)
    assert describe().version == one.version


def test_the_files_of_what_went_are_free(database, describe, sweep, room):
    describe()
    assert not collection.collect(database, SYSTEM, room, grace_s=0).blobs
    sweep()
    assert len(collection.collect(database, SYSTEM, room, grace_s=0).blobs) == 1


def test_what_is_new_or_registered_stays(database, describe, sweep, enter):
    inline = describe()
    enter("churn")
    assert sweep(grace_s=3600) == []
    assert sweep() == [address(inline)]
    with database.read() as uow:
        assert models.get(uow, SYSTEM, "default", "churn", "1").version == "1"


def test_what_somebody_registered_under_that_name_stays_though_it_is_archived(database, sweep, enter):
    enter(models.ANONYMOUS)
    with database.write() as uow:
        shelf = models.shelf("default")
        changes.update(uow, SYSTEM, shelf, models.ANONYMOUS, version="1", changes={"archived": True})
    assert sweep() == []


def test_what_a_deployment_serves_stays(database, describe, sweep):
    inline = describe()
    with database.write() as uow:
        uses.add_uses(uow, "default", USER, [f"models/{inline.name}:{inline.version}"])
    assert sweep() == []
    with database.write() as uow:
        uses.drop_uses(uow, "default", USER)
    assert sweep() == [address(inline)]


def test_what_an_old_revision_may_return_to_stays(database, describe, sweep):
    inline, other = describe(), describe(b"two")
    revise(database, inline)
    assert sweep(dry_run=True) == [address(other)]
    assert sweep() == [address(other)]
    with database.write() as uow:
        uow.connection.execute(revisions.revisions.delete())
    assert sweep() == [address(inline)]


def test_nothing_goes_while_a_task_is_under_way(database, describe, sweep):
    inline = describe()
    with database.write() as uow:
        task = operations.start(
            uow, SYSTEM, kind="models.profile", workspace="default", subject="models/m:1", request={}
        )
    assert sweep(dry_run=True) == sweep() == []
    with database.write() as uow:
        operations.end(uow, task["id"])
    assert sweep() == [address(inline)]


def test_whoever_gives_it_again_meanwhile_keeps_it(database, describe, sweep, monkeypatch):
    """A deployment is being accepted while the sweep waits for the row of the name: its use is seen."""
    inline = describe()
    judged, found = threading.Event(), []
    monkeypatch.setattr(sweeping, "_referred_to", lambda _: judged.set() or set())
    with database.write() as uow:
        again = models.anonymous(uow, SYSTEM, "default", contract.Model(path=inline.path))
        thread = threading.Thread(target=lambda: found.append(sweep()))
        thread.start()
        assert not judged.wait(0.3)  # if it were judged by now, it would be without this use
        uses.add_uses(uow, "default", USER, [f"models/{again.name}:{again.version}"])
    thread.join()
    assert found == [[]]
    with database.read() as uow:
        assert models.get(uow, SYSTEM, "default", again.name, again.version)


def test_only_administrators_sweep(database, describe):
    describe()
    ann = access.Caller("ann", (access.Grant("contributor"),))
    for dry_run in (True, False):
        with pytest.raises(errors.Denied):
            sweeping.sweep_models(database, ann, grace_s=0, dry_run=dry_run)
    with pytest.raises(errors.Invalid):
        sweeping.sweep_models(database, SYSTEM, grace_s=-1, dry_run=True)
