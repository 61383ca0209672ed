import pytest

from zaffre.contracts import envelopes
from zaffre.contracts import events as catalogue
from zaffre.core import clock, errors
from zaffre.server import access, lineage

CALLER = access.system("test")


def tell(database, *events):
    with database.write() as uow:
        for number, event in enumerate(events):
            envelope = envelopes.Envelope(
                id=f"{number:032d}",
                time=clock.now(),
                type=type(event).__name__,
                workspace="w",
                subject="",
                actor="ann",
                data=event.model_dump(mode="json"),
                reason="why",
            )
            lineage.record(uow, [envelope])


MODEL = catalogue.ModelRegistered(
    name="churn", version="3", asset_type="custom_model", manifest_digest="d" * 64, size=5
)
REVISED = catalogue.DeploymentRevised(
    endpoint="e",
    deployment="blue",
    revision="r123",
    models=["churn:3"],
    environment="sk:1",
    environment_lock_digest="l" * 64,
    previous_revision="r122",
)
OLDER = catalogue.DeploymentRevised(endpoint="e", deployment="blue", revision="r122", models=["churn:2"])


def test_an_answer_leads_back_to_everything_behind_it(database):
    tell(
        database, MODEL, REVISED, catalogue.DeploymentReady(endpoint="e", deployment="blue", revision="r123")
    )
    with database.read() as uow:
        graph = lineage.trace(uow, CALLER, "w", "revisions/r123")
    nodes = {node["id"]: node["facts"] for node in graph["nodes"]}
    assert next(iter(nodes)) == "revisions/r123"
    assert {"models/churn:3", "environments/sk:1", f"locks/{'l' * 64}", f"trees/{'d' * 64}"} <= set(nodes)
    assert nodes["revisions/r123"]["ready_at"]
    assert nodes["models/churn:3"]["registered"]["by"] == "ann"


def test_an_earlier_revision_is_not_behind_the_answers_of_a_later_one(database):
    tell(database, OLDER, REVISED)
    with database.read() as uow:
        graph = lineage.trace(uow, CALLER, "w", "revisions/r123")
    assert "models/churn:2" not in {node["id"] for node in graph["nodes"]}


def test_being_told_twice_changes_nothing(database):
    tell(database, MODEL, REVISED)
    with database.read() as uow:
        once = lineage.trace(uow, CALLER, "w", "revisions/r123")
    tell(database, MODEL, REVISED)
    with database.read() as uow:
        twice = lineage.trace(uow, CALLER, "w", "revisions/r123")
    assert twice["edges"] == once["edges"]


def test_a_model_leads_forward_to_what_serves_it(database):
    tell(database, MODEL, REVISED)
    with database.read() as uow:
        graph = lineage.dependents(uow, CALLER, "w", "models/churn:3")
    assert "revisions/r123" in {node["id"] for node in graph["nodes"]}


def test_what_nobody_recorded_is_not_found(database):
    with database.read() as uow, pytest.raises(errors.NotFound, match="x-zaffre-revision"):
        lineage.trace(uow, CALLER, "w", "revisions/none")


def test_events_of_one_thing_that_are_told_together_add_up(database):
    ready = catalogue.DeploymentReady(endpoint="e", deployment="blue", revision="r123")
    with database.write() as uow:
        together = [
            envelopes.Envelope(
                id=f"{number:032d}",
                time=clock.now(),
                type=event.type_name(),
                workspace="w",
                subject="",
                actor="ann",
                data=event.model_dump(mode="json"),
            )
            for number, event in enumerate([MODEL, REVISED, ready, MODEL])
        ]
        lineage.record(uow, together)
    with database.read() as uow:
        graph = lineage.trace(uow, CALLER, "w", "revisions/r123")
    nodes = {node["id"]: node["facts"] for node in graph["nodes"]}
    assert nodes["revisions/r123"]["deployment"] == "blue"
    assert nodes["revisions/r123"]["ready_at"]
