"""What deployments described inline, and locks that nobody registered, go when nothing refers to them; on both databases."""

import dataclasses
import datetime as dt
import functools
import hashlib
import threading

import pytest

from zaffre.contracts import environment as contract
from zaffre.contracts import workspace
from zaffre.core import clock, errors
from zaffre.server import access, operations
from zaffre.server.access import workspaces
from zaffre.server.endpoints.online import building
from zaffre.server.endpoints.online import store as revisions
from zaffre.server.environments import pruning, store
from zaffre.server.registry.environments import service as environments
from zaffre.server.registry.versioning import uses

SYSTEM = access.system("tests")
LOCK = hashlib.sha256(b"lock").hexdigest()


@pytest.fixture
def house(database):
    with database.write() as uow:
        workspaces.create(uow, SYSTEM, workspace.Workspace(name="default"))
    return database


@pytest.fixture
def prune(house, tmp_path):
    """A run of `server gc` that counts what is a moment old as old; returns what went of both."""
    pruner = pruning.Pruner(
        house, tmp_path / "environments", (tmp_path / "services",), needed=building.needed
    )

    def run(*, dry_run=False, grace_s=0):
        report = pruner.prune(SYSTEM, grace_s=grace_s, dry_run=dry_run)
        return report.inline, report.locks

    run.pruner = pruner
    return run


def describe(uow, package="six"):
    inline = contract.Environment(conda_file={"dependencies": ["python=3.11", package]})
    return environments.anonymous(uow, SYSTEM, "default", inline)


@pytest.fixture
def inline(house):
    with house.write() as uow:
        return describe(uow)


@pytest.fixture
def lock(house):
    with house.write() as uow:
        store.insert(uow, "default", "definitions/ab", digest=LOCK, content="{}", now=clock.now())
    return "workspaces/default/definitions/ab"


def address(environment):
    return f"workspaces/default/environments/{environment.name}:{environment.version}"


def revise(database, environment, *, lock_digest=None):
    """A revision of a deployment that runs in an environment."""
    columns = {column.name: "" for column in revisions.revisions.c}
    row = {
        **columns, "id": "r1", "workspace": "default", "number": 1, "instances": 1, "body": {}, "last_lines": [],
        "resolved": {"environment": environment, "models": []}, "lock_digest": lock_digest, "created_at": clock.now(),
    }  # fmt: skip
    with database.write() as uow:
        revisions.insert_revision(uow, row)


def named(environment):
    name, version = environment.name, environment.version
    return {"id": f"{name}:{version}", "name": name, "version": version}


def test_a_dry_run_lists_what_the_real_one_removes_and_all_can_come_back(house, prune, inline, lock):
    assert prune(dry_run=True) == ([address(inline)], [lock])
    assert prune(dry_run=True) == prune()
    assert prune() == ([], [])
    with house.read() as uow, pytest.raises(errors.NotFound):
        environments.get(uow, SYSTEM, "default", inline.name, inline.version)
    with house.write() as uow:
        assert describe(uow).version == inline.version


def test_what_is_new_or_registered_stays(house, prune, inline, lock):
    with house.write() as uow:
        named_too = contract.Environment(name="sk", conda_file={"dependencies": ["six"]})
        environments.create(uow, SYSTEM, "default", named_too)
        store.insert(uow, "default", "environments/sk:1", digest=LOCK, content="{}", now=clock.now())
    assert prune(grace_s=3600) == ([], [])
    assert prune() == ([address(inline)], [lock])
    with house.read() as uow:
        assert environments.get(uow, SYSTEM, "default", "sk", "1").name == "sk"
        assert store.content(uow, "default", "environments/sk:1")


def test_what_a_deployment_uses_stays(house, prune, inline):
    with house.write() as uow:
        uses.add_uses(uow, "default", "endpoints/e/deployments/blue", [f"environments/{named(inline)['id']}"])
    assert prune() == ([], [])
    with house.write() as uow:
        uses.drop_uses(uow, "default", "endpoints/e/deployments/blue")
    assert prune() == ([address(inline)], [])


def test_what_an_old_revision_may_return_to_stays(house, prune, inline):
    revise(house, named(inline))
    assert prune(dry_run=True) == ([], [])
    assert prune() == ([], [])
    with house.write() as uow:
        uow.connection.execute(revisions.revisions.delete())
    assert prune() == ([address(inline)], [])


def test_the_lock_that_a_revision_runs_in_stays(house, prune, lock):
    revise(house, {"id": "sklearn", "curated": "sklearn"}, lock_digest=LOCK)
    assert prune() == ([], [])


def test_while_a_revision_has_no_lock_yet_any_may_be_its_own(house, prune, inline, lock):
    revise(house, {"id": "sklearn", "curated": "sklearn"})
    assert prune() == ([address(inline)], [])


def test_nothing_goes_while_a_task_is_under_way(house, prune, inline, lock):
    with house.write() as uow:
        task = operations.start(
            uow, SYSTEM, kind="models.profile", workspace="default", subject="models/m:1", request={}
        )
    assert prune(dry_run=True) == ([], [])
    assert prune() == ([], [])
    with house.write() as uow:
        operations.end(uow, task["id"])
    assert prune() == ([address(inline)], [lock])


def test_a_lock_whose_build_a_process_mentions_stays(prune, lock, tmp_path):
    place = tmp_path / "services/0123"
    place.mkdir(parents=True)
    (place / "spec.json").write_text(f'{{"argv": ["/home/builds/{LOCK}/env/bin/python"]}}')
    assert prune() == ([], [])


def test_whoever_describes_it_again_meanwhile_keeps_it(house, prune, inline):
    """A deployment is being accepted while the sweep waits for the row of the name: its use is seen."""
    accepted, judged = threading.Event(), threading.Event()
    found = []

    def needed(uow):
        judged.set()
        return pruning.Needed()

    careful = dataclasses.replace(prune.pruner, needed=needed)
    sweep = functools.partial(careful.prune, SYSTEM, grace_s=0, dry_run=False)
    with house.write() as uow:
        again = describe(uow)
        thread = threading.Thread(target=lambda: (found.append(sweep()), accepted.set()))
        thread.start()
        assert not judged.wait(0.3)  # if it were judged by now, it would be without this use
        uses.add_uses(uow, "default", "endpoints/e/deployments/blue", [f"environments/{named(again)['id']}"])
    assert accepted.wait(30)
    thread.join()
    assert found[0].inline == []
    with house.read() as uow:
        assert environments.get(uow, SYSTEM, "default", again.name, again.version)


def test_only_administrators_sweep(house, inline):
    ann = access.Caller("ann", (access.Grant("contributor"),))
    with house.write() as uow, pytest.raises(errors.Denied):
        environments.sweep(uow, ann, before=clock.now(), needed=lambda *_: False, dry_run=False)


def test_what_was_made_visible_again_stays(house, prune, inline):
    with house.write() as uow:
        environments.hidden.store.update_version(uow, row_id(uow, inline), {"archived": False})
    assert prune() == ([], [])


def row_id(uow, environment):
    return environments.service.find(
        uow, environments.shelf("default"), environment.name, environment.version
    ).id


def test_a_moment_is_needed_to_be_old(house, prune, inline):
    with house.read() as uow:
        before = clock.now() - dt.timedelta(hours=1)
        assert environments.sweep(uow, SYSTEM, before=before, needed=lambda *_: False, dry_run=True) == []
