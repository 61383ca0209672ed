"""Faults under load: processes and control planes are killed, and every answer is checked."""

import os
import random
import signal

import httpx
import pytest

from zaffre.core import errors
from zaffre.testing import load, online


def kill_replica(house, number=0):
    """Kill the process of one replica; its shim starts it again."""
    slot = sorted(name for name in house.runner.list() if name != "router")[number]
    pid = house.runner.status(slot).pid
    os.kill(pid, signal.SIGKILL)
    return slot, pid


def test_a_killed_replica_is_retried_elsewhere_and_comes_back(desk, house):
    desk.endpoint()
    assert desk.deploy(desk.deployment(instance_count=2), all_traffic=True)["state"] == "Succeeded"
    with desk.steady() as requests:
        requests.await_answers(50)
        slot, pid = kill_replica(house)
        requests.await_answers(50)
        desk.until(
            lambda: house.runner.status(slot).state == "running" and house.runner.status(slot).pid != pid
        )
        requests.await_answers(50)
    assert requests.failures == []
    desk.until(lambda: desk.show().status.instances_ready == 2)


def test_when_all_replicas_die_it_is_unhealthy_and_heals(desk, house):
    desk.endpoint()
    flag = house.home / "broken"
    slow = f"import pathlib; p = pathlib.Path({str(flag)!r}); p.exists() and os._exit(9)"
    assert desk.deploy(desk.deployment(init=slow), all_traffic=True)["state"] == "Succeeded"
    flag.touch()
    kill_replica(house)
    desk.until(lambda: "exited with code 9" in (desk.show().status.reason or ""))
    assert (desk.show().service_state, desk.show().provisioning_state) == ("Unhealthy", "Succeeded")
    flag.unlink()
    desk.until(lambda: desk.show().service_state == "Healthy")
    assert desk.call().status_code == 200


def test_an_init_that_hangs_fails_after_the_start_timeout(hasty_desk):
    hasty_desk.endpoint()
    done = hasty_desk.deploy(hasty_desk.deployment(init="time.sleep(3600)"))
    assert done["state"] == "Failed"
    assert hasty_desk.show().service_state == "Failed"


@pytest.fixture
def refusing(house, monkeypatch):
    """Lets the machine refuse every start until it is asked to stop that; returns the ids that it refused."""
    refused, start = [], house.runner.start

    def refuse(spec):
        if spec.id == "router":
            return start(spec)
        refused.append(spec.id)
        raise errors.Invalid("The size Huge is no longer known.", hint="Correct the table of sizes.")

    monkeypatch.setattr(house.runner, "start", refuse)
    yield refused
    monkeypatch.setattr(house.runner, "start", start)


WHY = "cannot be started: The size Huge is no longer known. Correct the table of sizes."


def test_a_start_that_its_settings_rule_out_fails_and_says_why(desk, refusing):
    """Trying the same again would never help."""
    desk.endpoint()
    done = desk.deploy(desk.deployment())
    assert done["state"] == "Failed"
    assert WHY in done["error"]["detail"]
    shown = desk.show()
    assert (shown.provisioning_state, shown.service_state) == ("Failed", "Failed")
    assert shown.status.reason == f"Instance 0 {WHY}"
    assert len(refusing) == 1


def test_a_revision_whose_start_is_refused_leaves_the_old_one_serving(desk, request):
    desk.endpoint()
    assert desk.deploy(desk.deployment(), all_traffic=True)["state"] == "Succeeded"
    before = desk.show().status.revision
    refused = request.getfixturevalue("refusing")
    assert desk.deploy(desk.deployment(word="never"))["state"] == "Failed"
    shown = desk.show()
    assert (shown.provisioning_state, shown.service_state) == ("Failed", "Healthy")
    assert WHY in shown.status.reason
    assert len(refused) == 1
    assert desk.call().headers["x-zaffre-revision"] == before


def test_more_than_the_machine_has_is_unschedulable_until_it_is_deleted(desk):
    desk.endpoint()
    asked = {"requests": {"cpu": "4000"}}
    operation = desk.begin(desk.kubernetes_deployment(resources=asked))
    desk.until(lambda: desk.show().service_state == "Unschedulable")
    shown = desk.show()
    assert "4000 cores" in shown.status.reason
    assert shown.provisioning_state == "Creating"
    assert desk.delete()["state"] == "Succeeded"
    assert desk.wait(operation)["state"] == "Failed"


def test_a_control_plane_killed_at_any_moment_finishes_its_work_later(desk, house):
    """Killed again and again between the acceptance of a revision and its last step; nothing is lost, nothing fails."""
    desk.endpoint()
    assert desk.deploy(desk.deployment(word="old"), all_traffic=True)["state"] == "Succeeded"
    pid = desk.call().json()["pid"]
    headers = {"authorization": f"Bearer {desk.keys()['primary_key']}"}
    url, port, home = f"{house.router.url}/default/churn/score", house.router.port, house.home
    house.loop.stop()
    operation = desk.begin(desk.deployment(word="new", model="azureml:churn:1"))
    house.close()

    chance = random.Random(7)
    with load.Load(url, headers=headers) as requests:
        for _ in range(3):
            control_plane = online.ControlPlane(home, port)
            requests.await_answers(chance.randrange(1, 400))
            control_plane.kill()
        reopened = online.build(home, f"sqlite:///{home}/zaffre.db", port=port)
        try:
            desk.house = reopened
            reopened.loop.start()
            assert desk.wait(operation)["state"] == "Succeeded"
            since = requests.await_answers(20)
            desk.until(lambda: len(reopened.runner.list()) == 2)
        finally:
            reopened.close()
    assert requests.failures == []
    assert {answer.body.split(b'"')[3] for answer in requests.answers if answer.sent >= since} == {b"new"}
    assert pid not in {
        int(answer.body.split(b'"pid": ')[1].split(b",")[0])
        for answer in requests.answers
        if answer.sent >= since
    }


def test_replicas_and_router_serve_on_and_are_adopted(desk, house):
    desk.endpoint()
    assert desk.deploy(desk.deployment(), all_traffic=True)["state"] == "Succeeded"
    before = {name: house.runner.status(name).pid for name in house.runner.list()}
    headers = {"authorization": f"Bearer {desk.keys()['primary_key']}"}
    url, port, home = f"{house.router.url}/default/churn/score", house.router.port, house.home
    house.close()
    assert httpx.post(url, json={}, headers=headers, timeout=60).status_code == 200
    control_plane = online.ControlPlane(home, port)
    with load.Load(url, headers=headers) as requests:
        requests.await_answers(500)
    control_plane.kill()
    assert requests.failures == []
    assert {name: house.runner.status(name).pid for name in house.runner.list()} == before


def test_a_router_that_does_not_take_a_revision_is_named_to_whoever_looks_and_waits(desk, house):
    assert desk.endpoint()["state"] == "Succeeded"
    router = house.runner.status("router").pid
    os.kill(router, signal.SIGSTOP)
    try:
        operation = desk.begin(desk.deployment(), all_traffic=True)
        desk.until(lambda: "router" in (desk.show().status.reason or ""))
        assert (desk.show().provisioning_state, desk.show().service_state) == ("Creating", "Transitioning")
        desk.until(lambda: "router" in desk.look(operation)["progress"]["message"])
    finally:
        os.kill(router, signal.SIGCONT)
    assert desk.wait(operation)["state"] == "Succeeded"
    desk.until(lambda: not desk.show().status.reason)


def test_a_replica_that_hangs_when_the_router_dies_keeps_nobody_else_waiting(desk, house):
    """However patient its probes are: the router looks at every replica before it opens its port again."""
    desk.endpoint()
    patient = {"timeout": 3600, "period": 1, "failure_threshold": 100}
    assert desk.deploy(desk.deployment(), all_traffic=True)["state"] == "Succeeded"
    hanging = desk.deployment("green", word="hangs", readiness_probe=patient, liveness_probe=patient)
    assert desk.deploy(hanging)["state"] == "Succeeded"
    (green,) = [name for name in house.runner.list() if name.startswith(desk.show("green").status.revision)]
    replica, router = house.runner.status(green).pid, house.runner.status("router").pid
    os.kill(replica, signal.SIGSTOP)
    try:
        os.kill(router, signal.SIGKILL)
        desk.until(lambda: house.runner.status("router").pid not in (None, router))
        assert desk.call().json()["word"] == "hello"
        assert desk.deploy(desk.deployment(word="changed"))["state"] == "Succeeded"
        assert desk.call().json()["word"] == "changed"
    finally:
        os.kill(replica, signal.SIGCONT)
    assert desk.call(headers={"azureml-model-deployment": "green"}).json()["word"] == "hangs"


def test_a_replica_that_is_not_ready_for_a_while_gets_no_requests_meanwhile(desk, house):
    desk.endpoint()
    strict = {"timeout": 1, "period": 1, "failure_threshold": 1}
    done = desk.deploy(desk.deployment(instance_count=2, readiness_probe=strict), all_traffic=True)
    assert done["state"] == "Succeeded", done
    sick = house.runner.list()[0]
    pid = house.runner.status(sick).pid
    socket = str(house.runner.paths(sick).socket)

    def in_rotation():
        return any(hosts[socket].healthy for hosts in house.router.hosts().values() if socket in hosts)

    desk.until(in_rotation)
    os.kill(pid, signal.SIGSTOP)
    try:
        desk.until(lambda: not in_rotation())
        assert pid not in {desk.call().json()["pid"] for _ in range(20)}
        assert house.runner.status(sick).pid == pid
    finally:
        os.kill(pid, signal.SIGCONT)
    desk.until(in_rotation)
    desk.until(lambda: desk.call().json()["pid"] == pid)
