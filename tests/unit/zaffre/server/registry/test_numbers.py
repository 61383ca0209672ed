"""Numbers under pressure: many at once, from two servers, and by every mix of verbs."""

import concurrent.futures
import threading

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from zaffre.contracts import model
from zaffre.core import errors
from zaffre.server import db
from zaffre.server.registry.models import service as models
from zaffre.server.registry.versioning import changes, nouns, service, uses

SHELF = models.shelf("default")


def create(database, caller, path, version=None, name="churn"):
    with database.write() as uow:
        return models.create(
            uow, caller, "default", model.Model(name=name, version=version, path=path)
        ).version


def test_many_registrations_at_once_count_without_gap_or_double(database_url, database, ann, weights):
    other = database if database.is_sqlite else db.Database(database_url)
    try:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(create, [database, other][i % 2], ann, weights) for i in range(48)]
            given = sorted(int(job.result()) for job in jobs)
    finally:
        if other is not database:
            other.close()
    assert given == list(range(1, 49))


def test_the_same_given_version_at_once_is_registered_once(database_url, database, ann, weights, plant):
    contents = [weights, plant({"other": b"other bytes"}, "other")]
    other = database if database.is_sqlite else db.Database(database_url)
    try:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            jobs = [
                pool.submit(create, [database, other][i % 2], ann, contents[i % 2], "5") for i in range(16)
            ]
            failures = [job.exception() for job in jobs]
    finally:
        if other is not database:
            other.close()
    assert sum(failure is None for failure in failures) == 8
    assert all(isinstance(failure, errors.AlreadyExists) for failure in failures if failure)


def test_use_and_delete_at_once_never_both_succeed(database_url, database, ann, weights):
    other = database if database.is_sqlite else db.Database(database_url)

    def use(version, barrier):
        barrier.wait()
        with other.write() as uow:
            uses.add_uses(uow, "default", "endpoints/e/deployments/d", [f"models/churn:{version}"])

    def delete(version, barrier):
        barrier.wait()
        with database.write() as uow:
            service.delete(uow, ann, SHELF, "churn", version)

    try:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for _ in range(12):
                version, barrier = create(database, ann, weights), threading.Barrier(2, timeout=30)
                jobs = [pool.submit(do, version, barrier) for do in (use, delete)]
                outcomes = [job.exception() for job in jobs]
                assert sum(outcome is None for outcome in outcomes) == 1, outcomes
                assert {type(outcome) for outcome in outcomes if outcome} <= {errors.NotFound, errors.InUse}
    finally:
        if other is not database:
            other.close()


class Numbers(RuleBasedStateMachine):
    """One name, as a mapping from version to (order, archived), and a counter. The test binds database, caller, path."""

    world = None
    names = None

    @initialize()
    def begin(self):
        self.database, self.ann, self.weights = self.world
        self.name, self.alive, self.dead, self.counter, self.order = next(self.names), {}, set(), 0, 0

    @rule(given=st.sampled_from([None, None, None, "1", "2", "5", "9", "1.0", "beta"]))
    def register(self, given):
        expected = given or str(self.counter + 1)
        if expected in self.dead:
            with pytest.raises(errors.AlreadyExists):
                create(self.database, self.ann, self.weights, given, self.name)
            return
        assert create(self.database, self.ann, self.weights, given, self.name) == expected
        if expected not in self.alive:
            self.order += 1
            self.alive[expected] = (self.order, False)
        if expected.isdigit():
            self.counter = max(self.counter, int(expected))

    @rule(pick=st.integers(0, 20), archived=st.booleans())
    def archive(self, pick, archived):
        if self.alive:
            version = sorted(self.alive)[pick % len(self.alive)]
            with self.database.write() as uow:
                changes.update(
                    uow, self.ann, SHELF, self.name, version=version, changes={"archived": archived}
                )
            self.alive[version] = (self.alive[version][0], archived)

    @rule(pick=st.integers(0, 20))
    def delete(self, pick):
        if self.alive:
            version = sorted(self.alive)[pick % len(self.alive)]
            with self.database.write() as uow:
                service.delete(uow, self.ann, SHELF, self.name, version)
            del self.alive[version]
            self.dead.add(version)

    @rule()
    def compare(self):
        shown = sorted((order, version) for version, (order, archived) in self.alive.items() if not archived)
        with self.database.read() as uow:
            found, _ = service.search(uow, self.ann, SHELF, nouns.Query(name=self.name))
            assert [v.version for v in found] == [version for _, version in reversed(shown)]
            if shown:
                latest = service.get(uow, self.ann, SHELF, self.name, "@latest")
                assert latest.version == latest.latest_version == shown[-1][1]
            else:
                with pytest.raises(errors.NotFound):
                    service.get(uow, self.ann, SHELF, self.name, "@latest")

    def teardown(self):
        if hasattr(self, "name"):
            self.compare()


def test_any_mix_of_verbs_leaves_what_a_simple_model_says(database, ann, weights):
    names = (f"m{number}" for number in range(10**6))
    bound = type("Bound", (Numbers,), {"world": (database, ann, weights), "names": names})
    run_state_machine_as_test(
        bound,
        settings=settings(
            max_examples=25, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
