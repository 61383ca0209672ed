"""Scaling with real processes: under load, to zero and back, and within what the machine has."""

import contextlib
import json
import os

import pytest
import sqlalchemy as sa

from zaffre.core import errors
from zaffre.testing import online

TARGET = {
    "type": "target_utilization",
    "min_instances": 1,
    "max_instances": 4,
    "target_utilization_percentage": 50,
}
FOUR = {
    "max_concurrent_requests_per_instance": 4,
    "max_queue_wait_ms": 20_000,
    "request_timeout_ms": 20_000,
}
SEEN = "word = [word, os.environ.get('CUDA_VISIBLE_DEVICES')]"


def alive(house):
    """The replicas that live."""
    found = []
    for name in house.runner.list():
        with contextlib.suppress(errors.NotFound):  # removed since it was listed
            if name != "router" and house.runner.status(name).alive:
                found.append(name)
    return found


def scaled(house):
    """What the server did by itself, as everybody hears of it."""
    with house.database.read() as uow:
        rows = uow.connection.execute(
            sa.text("select data from events where type = 'DeploymentScaled' order by seq")
        )
        told = [json.loads(row[0]) if isinstance(row[0], str) else row[0] for row in rows]
    return [(data["previous"], data["count"]) for data in told]


def test_out_at_once_in_after_calm_and_no_request_fails(desk, house):
    desk.endpoint()
    calm = {"autoscale": {"calm": "3s"}}
    deployment = desk.deployment(
        scale_settings=TARGET, zaffre=calm, model=desk.model(), request_settings=FOUR
    )
    assert desk.deploy(deployment, all_traffic=True)["state"] == "Succeeded"
    assert desk.show().status.instances_total == 1
    with desk.steady(connections=1) as background:
        background.await_answers(5)
        with desk.steady(connections=7, body=b'{"wait_s": 0.3}') as heavy:
            desk.until(lambda: desk.show().status.instances_ready == 4)
            assert "is above 50%" in desk.show().status.scale_reason
            heavy.await_answers(100)
        desk.until(lambda: len(alive(house)) == 1)
        background.await_answers(20)
    assert heavy.failures == background.failures == []
    desk.until(lambda: desk.show().status.instances_ready == 1)
    assert max(count for _, count in scaled(house)) == 4
    assert scaled(house)[-1][1] == 1


def test_nothing_runs_without_requests_and_the_first_one_is_answered(desk, house):
    desk.endpoint()
    idle = {"autoscale": {"scale_to_zero_after": "2s"}}
    deployment = desk.deployment(instance_count=2, zaffre=idle, model=desk.model(), init="time.sleep(1)")
    assert desk.deploy(deployment, all_traffic=True)["state"] == "Succeeded"
    asleep = f"{desk.revisions()[0]['id']}.0.0"
    for turn in (1, 2):
        desk.until(lambda: house.runner.status(asleep).state == "asleep" and len(alive(house)) == 1)
        desk.until(lambda: desk.show().status.instances_total == 0)
        assert desk.show().service_state == "Healthy"
        answer = desk.call()
        assert (answer.status_code, answer.json()["word"]) == (200, "hello")
        # Whether the second one is ready before both sleep again depends on how quick the machine is.
        desk.until(lambda turn=turn: len(scaled(house)) >= 2 * turn)
    assert scaled(house)[:4] == [(2, 0), (0, 2), (2, 0), (0, 2)]


def test_a_sleeping_one_wakes_though_the_control_plane_is_away(desk, house):
    desk.endpoint()
    idle = {"autoscale": {"scale_to_zero_after": "2s"}}
    assert (
        desk.deploy(desk.deployment(zaffre=idle, model=desk.model()), all_traffic=True)["state"]
        == "Succeeded"
    )
    asleep = f"{desk.revisions()[0]['id']}.0.0"
    desk.until(lambda: house.runner.status(asleep).state == "asleep")
    house.loop.stop()
    assert desk.call().status_code == 200
    desk.until(lambda: house.runner.status(asleep).state == "running")
    house.loop = type(house.loop)("again", house.reconciler.step)
    house.loop.start()
    desk.until(lambda: (0, 1) in scaled(house))
    assert desk.call().status_code == 200


def test_what_has_no_room_starts_by_itself_when_there_is_some(small_desk):
    desk = small_desk
    desk.endpoint()

    def asking(name, cores):
        resources = {"requests": {"cpu": cores}}
        return desk.kubernetes_deployment(name=name, resources=resources)

    assert desk.deploy(asking("large", "1500m"))["state"] == "Succeeded"
    waiting = desk.begin(asking("waiting", "1"))
    desk.until(lambda: desk.show("waiting").service_state == "Unschedulable")
    assert "1 cores; 1.5 of 2 are taken" in desk.show("waiting").status.reason
    assert desk.deploy(asking("small", "250m"))["state"] == "Succeeded"  # it will be in nobody's way
    assert desk.delete("large")["state"] == "Succeeded"
    assert desk.wait(waiting)["state"] == "Succeeded"
    assert desk.show("waiting").service_state == "Healthy"


def test_gpus_are_never_given_twice_also_by_the_next_server(small_desk):
    desk, house = small_desk, small_desk.house
    desk.endpoint()

    def asking(name, number):
        plain = desk.deployment(name, init=SEEN).to_wire()
        del plain["type"]
        resources = {"requests": {"nvidia.com/gpu": number}}
        return type(desk.kubernetes_deployment())(**{**plain, "resources": resources})

    def seen(name):
        return desk.call(headers={"azureml-model-deployment": name}).json()["word"][1]

    assert desk.deploy(asking("one", "1"))["state"] == "Succeeded"
    assert desk.deploy(asking("other", "1"))["state"] == "Succeeded"
    assert desk.deploy(desk.deployment("none", init=SEEN))["state"] == "Succeeded"
    assert {seen("one"), seen("other")} == {"0", "1"}
    assert seen("none") == ""

    house.close()
    home, port = house.home, house.router.port
    again = online.build(home, f"sqlite:///{home}/zaffre.db", port=port, machine=small_desk.machine)
    desk.house = again
    try:
        again.loop.start()
        before = seen("other")
        waiting = desk.begin(asking("third", "1"))
        desk.until(lambda: desk.show("third").service_state == "Unschedulable")
        assert desk.show("third").status.reason == "It asks for 1 GPU; 2 of 2 are taken."
        assert desk.delete("one")["state"] == "Succeeded"
        assert desk.wait(waiting)["state"] == "Succeeded"
        assert seen("other") == before
        assert {seen("third"), before} == {"0", "1"}
    finally:
        again.close()


def test_a_rule_out_and_a_rule_in_and_what_show_says(desk, house):
    desk.endpoint()
    rules = [
        {"condition": "RequestsPerMinute > 120 avg 2s", "scale": "out 1", "cooldown": "1s"},
        {"condition": "RequestsPerMinute < 60 avg 2s", "scale": "in 1", "cooldown": "2s"},
        {"condition": "CpuPercentage < 60 avg 2s", "scale": "in 1", "cooldown": "2s"},
        {"condition": "RequestLatency_P95 > 20000 avg 2s", "scale": "to 3", "cooldown": "2s"},
    ]
    scaling = {"autoscale": {"min_count": 1, "max_count": 2, "rules": rules}}
    deployment = desk.deployment(zaffre=scaling, model=desk.model())
    assert desk.deploy(deployment, all_traffic=True)["state"] == "Succeeded"
    with desk.steady(connections=2, body=b'{"wait_s": 0.02}') as requests:
        desk.until(lambda: desk.show().status.instances_ready == 2)
        shown = desk.show().status
        assert "from 1 to 2: rpm avg" in shown.scale_reason
        assert shown.scaled_at is not None
        requests.await_answers(20)
    desk.until(lambda: len(alive(house)) == 1)
    assert requests.failures == []
    desk.until(lambda: desk.show().status.instances_total == 1)
    assert (scaled(house)[0], scaled(house)[-1]) == ((1, 2), (2, 1))
    assert desk.show().instance_count is None


def test_a_new_server_keeps_the_number_that_the_last_one_chose(desk, house):
    desk.endpoint()
    given = {"max_count": 3, "min_count": 1, "rules": [
        {"condition": "RequestsPerMinute < 1 avg 1h", "scale": "in 1", "cooldown": "1s"},
    ]}  # fmt: skip
    deployment = desk.deployment(zaffre={"autoscale": given}, model=desk.model(), instance_count=3)
    assert desk.deploy(deployment, all_traffic=True)["state"] == "Succeeded"
    before = alive(house)
    assert len(before) == 3
    house.close()
    again = online.build(house.home, f"sqlite:///{house.home}/zaffre.db", port=house.router.port)
    try:
        for _ in range(5):
            again.reconciler.step()
        assert alive(again) == before
    finally:
        for part in (again.preparations, again.router, again.database):
            part.close()


def test_what_the_machine_does_not_do_for_processes_is_shown(desk, house):
    desk.endpoint()
    assert desk.deploy(desk.deployment(), all_traffic=True)["state"] == "Succeeded"
    shown = desk.show().status
    why = "isolation is switched off" if os.geteuid() == 0 else "the server does not run as root"
    assert shown.isolation_note == f"not isolated: {why}"
    status = house.runner.status(alive(house)[0])
    assert (shown.limits_note is None) == status.limits_enforced
    assert shown.limits_note == (None if status.limits_enforced else status.limits_reason)


def test_amounts_that_are_none_are_refused_at_once(desk):
    desk.endpoint()
    for resources, said in (
        ({"requests": {"cpu": "two"}}, "is not an amount of cpu"),
        ({"requests": {"nvidia.com/gpu": "0.5"}}, "is not a number of GPUs"),
        ({"requests": {"gpu": "1"}, "limits": {"gpu": "2"}}, "asks for 1 GPUs and resources.limits for 2"),
        ({"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}}, "memory is above resources.limits"),
    ):
        with pytest.raises(errors.Invalid, match=said):
            desk.begin(desk.kubernetes_deployment(resources=resources))
