"""The scaler against a real database: what it reads from one look to the next, and what it writes."""

import os

import pytest

from zaffre.contracts import online_deployment as contract
from zaffre.server.compute import ports
from zaffre.server.endpoints.online import facts, observing, scaler
from zaffre.server.endpoints.router import stats

TARGET = {"type": "target_utilization", "min_instances": 1, "max_instances": 5}
ONE = {"max_concurrent_requests_per_instance": 1}


class Router:
    """Stands where Envoy stands: says what it was told to say."""

    def __init__(self):
        self.clusters = {}

    def stats(self):
        return stats.Reading(clusters=dict(self.clusters))


class Desk:
    """A deployment that serves, a router to set, and a clock to turn."""

    def __init__(self, office, **fields):
        self.office, self.router, self.now = office, Router(), 0.0
        office.endpoint()
        office.settle()
        office.deployment(model=office.model(), **fields)
        office.promote()
        self.scaler = self.new_server()
        self.states = {}

    def new_server(self):
        return scaler.Scaler(
            self.office.house.database,
            self.router,
            lambda _: ports.Limits(cpu_cores=2, memory_bytes=1 << 40),
            cores=64,
            memory_bytes=1 << 30,
            now=lambda: self.now,
        )

    @property
    def slot(self):
        return facts.Slot(self.office.show().status.revision, 0, 0)

    def look(self, seconds=1.0, status=None, **cluster):
        """One step after some seconds; returns what the row says then."""
        self.now += seconds
        self.router.clusters[self.slot.replicas] = stats.Cluster(**cluster)
        plain = ports.ServiceStatus(self.slot.service_id, "running", alive=True, pid=os.getpid())
        world = observing.World({self.slot: status or plain}, {})
        with self.office.house.database.read() as uow:
            asked = observing.Asked.read(uow, {self.slot.replicas})
        self.scaler.step(asked, world)
        return self.office.show().status


@pytest.fixture
def desk(office):
    return lambda **fields: Desk(office, **fields)


def test_what_is_in_flight_decides_and_the_number_outlives_the_server(desk):
    opened = desk(scale_settings=TARGET, request_settings=ONE)
    assert opened.look(active=0).instances_total == 1
    status = opened.look(active=1, pending=1)
    assert (status.instances_total, status.scale_reason) == (
        3,
        "from 1 to 3: utilization 200% is above 70%",
    )
    opened.scaler = opened.new_server()
    for _ in range(30):
        assert opened.look(active=0).instances_total == 3


def test_counters_are_read_as_what_was_added_and_a_new_router_starts_at_nothing(desk):
    rule = {"condition": "RequestsPerMinute > 200 avg 3s", "scale": "out 1", "cooldown": "1s"}
    opened = desk(zaffre={"autoscale": {"max_count": 5, "rules": [rule]}})
    for _ in range(6):
        assert opened.look(total=10_000, completed=10_000).instances_total == 1  # all of it long ago
    assert opened.look(total=10_005, completed=10_005).instances_total == 1
    assert opened.look(total=5, completed=5).instances_total == 1
    assert opened.look(total=10, completed=10).instances_total == 2  # 15 in three seconds


def test_answers_are_counted_by_the_codes_that_clients_got(desk):
    """503s that are refusals for too many requests left the router as 429."""
    rule = {
        "condition": "RequestsPerMinute > 200 avg 3s where statusCode == 429",
        "scale": "out 1",
        "cooldown": "1s",
    }
    opened = desk(zaffre={"autoscale": {"max_count": 5, "rules": [rule]}})
    codes = {200: 0, 503: 0}
    for _ in range(6):
        codes[200] += 100
        total = sum(codes.values())
        assert opened.look(total=total, completed=total, codes=dict(codes)).instances_total == 1
    codes[503] += 15
    total = sum(codes.values())
    assert opened.look(total=total, completed=total, codes=dict(codes), refused=5).instances_total == 1
    codes[503] += 15
    total = sum(codes.values())
    assert opened.look(total=total, completed=total, codes=dict(codes), refused=20).instances_total == 2


def test_requests_of_the_other_deployment_may_decide(desk):
    rule = {
        "condition": "RequestsPerMinute > 200 avg 3s where deployment == green",
        "scale": "out 1",
        "cooldown": "1s",
    }
    opened = desk(zaffre={"autoscale": {"max_count": 5, "rules": [rule]}})
    opened.office.deployment("green", model=opened.office.model())
    opened.office.promote("green")
    green = opened.office.show("green").status.revision
    for number in range(6):
        opened.router.clusters[green] = stats.Cluster(codes={200: 1000})
        assert opened.look(codes={200: 100 * number}).instances_total == 1
    opened.router.clusters[green] = stats.Cluster(codes={200: 1015})
    assert opened.look().instances_total == 2


def test_processor_time_is_taken_over_what_an_instance_may_use(desk, monkeypatch):
    rule = {"condition": "CpuPercentage > 70 avg 3s", "scale": "out 2", "cooldown": "1s"}
    opened = desk(zaffre={"autoscale": {"max_count": 5, "rules": [rule]}})
    used = {"cpu_s": 0.0}
    monkeypatch.setattr(
        scaler.usage,
        "read",
        lambda pids: {pid: scaler.usage.Usage(cpu_s=used["cpu_s"], memory_bytes=1 << 29) for pid in pids},
    )
    for _ in range(6):
        used["cpu_s"] += 1.3  # of the 2 cores that it may use, 65 %
        assert opened.look().instances_total == 1
    for _ in range(3):
        used["cpu_s"] += 1.6
        status = opened.look()
    assert status.instances_total == 3
    assert "cpu avg" in status.scale_reason


def test_a_process_that_a_request_woke_counts_as_needed(desk):
    opened = desk(zaffre={"autoscale": {"scale_to_zero_after": "2s"}}, instance_count=2)
    for _ in range(3):
        opened.look()
    assert opened.look().instances_total == 0
    asleep = ports.ServiceStatus(
        opened.slot.service_id, "asleep", alive=True, woken_at="2020-01-01T00:00:00Z"
    )
    assert opened.look(status=asleep).instances_total == 0
    woken = ports.ServiceStatus(
        opened.slot.service_id, "starting", alive=True, woken_at="2999-01-01T00:00:00Z"
    )
    assert opened.look(status=woken).instances_total == 2


def test_a_person_who_sets_a_number_is_heard(desk):
    opened = desk(scale_settings=TARGET, request_settings=ONE)
    assert opened.look(active=3).instances_total == 5
    kept = opened.office.show()
    kept.description = "other words"
    opened.office.deployment(**_fields(kept))
    opened.office.promote()
    assert opened.look().instances_total == 5
    opened.office.deployment(**{**_fields(kept), "instance_count": 2})
    opened.office.promote()
    assert opened.look().instances_total == 2
    opened.office.deployment(**{**_fields(kept), "scale_settings": {"type": "default"}, "instance_count": 4})
    opened.office.promote()
    assert (opened.look().instances_total, opened.office.show().status.scale_reason) == (4, None)


def _fields(entity: contract.OnlineDeployment):
    body = entity.to_dict(status=False)
    return {key: value for key, value in body.items() if key not in ("name", "endpoint_name", "type")}
