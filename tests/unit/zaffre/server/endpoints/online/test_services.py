"""What services write, on both databases: revisions, uses, events, operations, and who may do what."""

import concurrent.futures

import pytest

from zaffre.core import errors
from zaffre.server import access, operations
from zaffre.server.endpoints.online import deployments, keys, outcomes, searching, service, store
from zaffre.server.events import store as events
from zaffre.server.registry.versioning import uses
from zaffre.testing import online

READER = access.Caller(name="reader", grants=(access.Grant("reader"),))
SCORER = access.Caller(name="scorer", grants=(access.Grant("scorer"),))
BLUE = "endpoints/churn/deployments/blue"


def told(office):
    with office.house.database.read() as uow:
        rows = uow.connection.execute(events.events.select().order_by(events.events.c.seq))
        return [(row.type, row.subject) for row in rows]


def used(office):
    with office.house.database.read() as uow:
        return uses.uses_of(uow, "default", BLUE)


def state_of(office, operation):
    with office.house.database.read() as uow:
        return operations.get(uow, operation["id"])["state"]


def test_a_change_is_a_revision_and_guards_what_it_refers_to_until_another_serves(office):
    first, second = office.model("one"), office.model("two")
    office.endpoint()
    office.settle()
    operation = office.deployment(model="azureml:churn@latest")
    assert office.show().model == second
    assert used(office) == ["models/churn:2"]
    assert state_of(office, operation) == "Running"
    office.promote()
    assert state_of(office, operation) == "Succeeded"
    assert office.show().status.environment_lock_digest == "e" * 64

    office.deployment(model=first)
    assert sorted(used(office)) == ["models/churn:1", "models/churn:2"]
    office.fail()
    assert used(office) == ["models/churn:2"]
    assert (office.show().provisioning_state, office.show().model) == ("Failed", first)

    office.deployment(model=first)
    office.promote()
    assert used(office) == ["models/churn:1"]
    assert [kind for kind, subject in told(office) if subject == BLUE] == [
        "DeploymentRevised", "DeploymentReady", "DeploymentRevised", "DeploymentFailed", "DeploymentRevised",
        "DeploymentReady",
    ]  # fmt: skip


def test_saying_the_same_again_makes_no_revision(office):
    model = office.model()
    office.endpoint()
    office.deployment(model=model)
    office.promote()
    before = office.show().status.revision
    assert state_of(office, office.deployment(model=model)) == "Succeeded"
    assert office.show().status.revision == before
    office.deployment(model=model, description="new words")
    assert office.show().status.revision != before


def test_words_and_numbers_keep_the_processes_and_other_changes_get_new_ones(office):
    model = office.model()
    office.endpoint()
    office.deployment(model=model)
    office.promote()
    sets = []
    for fields in ({}, {"instance_count": 2}, {"environment_variables": {"A": "1"}}):
        office.deployment(model=model, description=str(fields), **fields)
        office.promote()
        with office.house.database.read() as uow:
            sets.append(store.get_revision(uow, office.show().status.revision).replicas)
    assert sets[0] == sets[1] != sets[2]


def test_rollback_equals_an_old_revision_and_a_deleted_model_stops_it(office):
    first, second = office.model("one"), office.model("two")
    office.endpoint()
    for model in (first, second):
        office.deployment(model=model)
        office.promote()
    with office.house.database.write() as uow:
        shown, _ = deployments.rollback(uow, online.CALLER, "default", "churn", "blue")
    assert shown.model == first
    office.promote()
    with office.house.database.read() as uow:
        newest = deployments.revisions(uow, online.CALLER, "default", "churn", "blue")[0]
    assert (newest["number"], newest["models"], newest["state"]) == (3, ["churn:1"], "Serving")
    with pytest.raises(errors.NotFound, match="no revision r123"), office.house.database.write() as uow:
        deployments.rollback(uow, online.CALLER, "default", "churn", "blue", revision="r123")


def test_all_traffic_comes_when_the_deployment_serves(office):
    model = office.model()
    office.endpoint()
    office.settle()
    operation = office.deployment(model=model, all_traffic=True)
    with office.house.database.read() as uow:
        assert store.get_endpoint(uow, ("default", "churn")).body["traffic"] == {"blue": 0}
    office.promote()
    assert state_of(office, operation) == "Succeeded"
    with office.house.database.read() as uow:
        row = store.get_endpoint(uow, ("default", "churn"))
    assert row.body["traffic"] == row.running["traffic"] == {"blue": 100}


def test_an_outcome_for_a_revision_that_nobody_wants_any_more_changes_nothing(office):
    office.endpoint()
    office.deployment(model=office.model())
    with office.house.database.write() as uow:
        key = ("default", "churn", "blue")
        outcomes.promoted(uow, key, "rffffffffffff", made_from={})
        outcomes.failed(uow, key, "rffffffffffff", reason="no", last_lines=[])
        outcomes.settled(uow, ("default", "churn"), "an old etag")
        outcomes.forgotten(uow, key)
    assert office.show().provisioning_state == "Creating"


def test_deletion_ends_other_work_and_frees_everything(office):
    office.endpoint()
    waiting = office.deployment(model=office.model())
    with office.house.database.write() as uow:
        operation = service.delete(uow, online.CALLER, "default", "churn")
        again = service.delete(uow, online.CALLER, "default", "churn")
    assert operation["id"] == again["id"]
    assert state_of(office, waiting) == "Failed"
    with pytest.raises(errors.Conflict, match="being deleted"):
        office.deployment("green", model=office.model())
    with office.house.database.write() as uow:
        outcomes.emptied(uow, ("default", "churn"))  # not yet: blue is there
        outcomes.forgotten(uow, ("default", "churn", "blue"))
        outcomes.emptied(uow, ("default", "churn"))
    assert state_of(office, operation) == "Succeeded"
    assert used(office) == []
    with pytest.raises(errors.NotFound, match="no endpoint churn"):
        office.show()


def test_only_whoever_may_sees_keys_and_changes_things(office):
    office.endpoint()
    office.settle()
    with pytest.raises(errors.Denied):
        office.endpoint(READER)
    with pytest.raises(errors.Denied):
        office.deployment("green", SCORER, model=office.model())
    for caller in (READER, SCORER):
        with pytest.raises(errors.Denied), office.house.database.read() as uow:
            keys.show(uow, caller, office.room, "default", "churn")
        with pytest.raises(errors.Denied), office.house.database.write() as uow:
            service.delete(uow, caller, "default", "churn")
    with office.house.database.read() as uow:
        shown = keys.show(uow, online.CALLER, office.room, "default", "churn")
        row = store.get_endpoint(uow, ("default", "churn"))
    assert set(shown) == {"primary_key", "secondary_key"}
    assert not any(key in str(row) for key in shown.values())


def test_where_a_model_is_deployed(office):
    model = office.model()
    office.endpoint()
    office.deployment(model=model)
    office.promote()
    office.deployment("green", model=office.model("two"))
    with office.house.database.read() as uow:
        everywhere = searching.deployed(uow, READER, "default", model="churn")
        (found,) = searching.deployed(uow, READER, "default", model="azureml:churn:1")
    assert [item["deployment"] for item in everywhere] == ["blue", "green"]
    assert (found["id"], found["service_state"], found["models"]) == (BLUE, "Healthy", ["churn:1"])


def test_an_empty_instance_type_is_none_that_exists(office):
    """A script whose variable is not set must not get a deployment without limits."""
    model = office.model()
    office.endpoint()
    with pytest.raises(errors.Invalid, match="no instance type ''"):
        office.deployment(model=model, instance_type="")


def test_what_is_deployed_nowhere_is_told_from_what_is_not_there(office):
    office.model()

    def asked(**of):
        with office.house.database.read() as uow:
            return searching.deployed(uow, READER, "default", **of)

    assert asked() == asked(model="churn") == asked(model="churn:1") == []
    for of in ({"model": "chrn"}, {"model": "churn:9"}, {"environment": "other"}, {"environment": "other:1"}):
        with pytest.raises(errors.NotFound):
            asked(**of)


def test_two_who_make_or_change_the_same_thing_at_once(office):
    """One wins, the other is told; never an error of the database."""

    def attempt(_):
        try:
            return office.endpoint()["kind"]
        except errors.Conflict:
            return "conflict"

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        said = list(pool.map(attempt, range(4)))
    assert sorted(said) == ["conflict", "conflict", "conflict", "endpoints.create"]
    model = office.model()

    def deploy(number):
        try:
            return office.deployment(model=model, description=str(number))["kind"]
        except errors.Conflict:
            return "conflict"

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        said = list(pool.map(deploy, range(4)))
    assert sorted(said) == ["conflict", "conflict", "conflict", "deployments.create"]
