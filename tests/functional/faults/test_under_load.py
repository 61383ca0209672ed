"""Whatever is killed, every answer is right; only what Envoy itself held when it was killed may be lost."""

import json
import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest

from zaffre.testing import chaos
from zaffre.testing import server as servers


@pytest.fixture(scope="module")
def site():
    """Two replicas of one deployment behind a real router; afterwards nothing of it may be left."""
    home = Path(tempfile.mkdtemp(prefix="zaffre-storm-"))
    served = chaos.Site(servers.ServerProcess(home).start())
    try:
        served.serve(instance_count=2)
        yield served
        assert served.done("DELETE", chaos.ENDPOINT)["state"] == "Succeeded"
        until(lambda: list(served.replicas()) == ["router"])
        until(lambda: list((home / "replicas").iterdir()) == [])
    finally:
        served.server.stop()
        chaos.stop_services(home)
    assert chaos.processes(home) == []
    shutil.rmtree(home)


def until(condition, *, within_s=90):
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, "never came true"
        time.sleep(0.1)


def replicas(site):
    return {name: pid for name, pid in site.replicas().items() if name != "router"}


def shim_of(site, service):
    for path in (site.server.home / "services").glob("[0-9a-f]*/spec.json"):
        if json.loads(path.read_text())["id"] == service:
            return json.loads((path.parent / "state.json").read_text())["shim_pid"]
    raise AssertionError(service)


def both_are_back(site, before):
    now = replicas(site)
    return len(now) == 2 and len(set(now.values()) & set(before.values())) < 2


def test_a_killed_replica(site):
    before = replicas(site)
    with site.load() as load:
        load.await_answers(60)
        os.kill(next(iter(before.values())), signal.SIGKILL)
        until(lambda: both_are_back(site, before))
        load.await_answers(60)
    assert load.failures == []


def test_all_replicas_are_killed_and_requests_wait_until_they_are_back(site):
    before = replicas(site)
    with site.load() as load:
        load.await_answers(60)
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(replicas(site)) == 2 and not set(replicas(site).values()) & set(before.values()))
        load.await_answers(60)
    assert load.failures == []


def test_a_replica_that_stands_still_for_a_moment(site):
    pid = next(iter(replicas(site).values()))
    with site.load() as load:
        load.await_answers(60)
        os.kill(pid, signal.SIGSTOP)
        try:
            time.sleep(1.5)
        finally:
            os.kill(pid, signal.SIGCONT)
        load.await_answers(60)
    assert load.failures == []


def test_a_killed_shim_takes_its_replica_and_both_come_back(site):
    before = replicas(site)
    with site.load() as load:
        load.await_answers(60)
        os.kill(shim_of(site, next(iter(before))), signal.SIGKILL)
        until(lambda: both_are_back(site, before))
        load.await_answers(60)
    assert load.failures == []


def test_a_killed_router_loses_only_what_it_held(site):
    with site.load() as load:
        load.await_answers(60)
        load.excuse_requests_in_flight(within_s=10)
        os.kill(site.replicas()["router"], signal.SIGKILL)
        until(lambda: load.excused)
        load.await_answers(60)
    assert load.failures == []


def test_the_control_plane_is_killed_in_the_middle_of_an_update(site):
    with site.load() as load:
        load.await_answers(60)
        for pause_s in (0.05, 0.6):
            body = site.body("blue", model=site.model(), instance_count=2)
            answer = site.call("PUT", f"{chaos.ENDPOINT}/deployments/blue", json=body)
            assert answer.status_code == 202, answer.text
            time.sleep(pause_s)
            site.server.stop(signal.SIGKILL)
            site.server.start()
            assert site.wait(answer.json())["state"] == "Succeeded"
        load.await_answers(60)
    assert load.failures == []
    until(lambda: len(replicas(site)) == 2)
