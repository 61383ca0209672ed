"""`zaffre server gc` beside live replicas: whatever they run from stays, also across servers, and old revisions can return."""

import json
import os
import signal
import time

import httpx
import pytest

from zaffre.server.environments import slots
from zaffre_runtime.shim import records

BLUE = """
    name: blue
    endpoint_name: kept
    model: {path: model/}
    code_configuration: {code: onlinescoring/, scoring_script: score.py}
    environment: {conda_file: {dependencies: [python, {pip: [six==1.17.0]}]}}
    environment_variables: {WORD: first}
    instance_type: Standard_DS3_v2
"""
IMPORTING = """
    import json, os, six
    def init():
        global weights
        weights = open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model/weights.txt")).read()
    def run(raw_data):
        import six.moves.urllib.parse  # only now: from the environment, after the collection
        return [os.environ["WORD"], weights]
"""


def collect(user):
    """What an impatient administrator does: no grace, and not dry."""
    address = user.out("zaffre server status --query url -o tsv")
    token = (user.home / "token").read_text().strip()
    answers = [
        httpx.post(
            f"{address}/api/v1/{room}/collection",
            params={"dry_run": False, "grace_s": 0},
            headers={"Authorization": f"Bearer {token}"},
            timeout=120,
        )
        for room in ("artifacts", "environments")
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    return answers[1].json()


def abandoned(builds):
    """An environment that no lock names any more."""
    slot = slots.Slot(builds, "0" * 64)
    slot.fill(lambda *_: None, wait=lambda: None)
    os.utime(slot.path / "last-used", (0, 0))


def replicas(user):
    return [
        spec.parent
        for spec in (user.home / "services").glob("*/spec.json")
        if (records.read_json(str(spec)) or {"id": "router"})["id"] != "router"
        and records.lock_holder(str(spec.parent))
    ]


def replica(user):
    """The folder of the one replica that lives, and its process; one of an earlier revision may be draining still."""
    end = time.monotonic() + 120
    while len(found := replicas(user)) != 1:
        assert time.monotonic() < end, found
        time.sleep(0.05)
    return found[0], records.read_json(str(found[0] / records.STATE))["pid"]


def situation(user):
    """What there is, for whoever reads a failure."""
    shown = user.out("zaffre online-deployment show -n blue -e kept -o json")
    states = {
        str(folder.name): records.read_json(str(folder / records.STATE))
        for folder in (user.home / "services").iterdir()
    }
    return f"{shown}\n{json.dumps(states)}\nalive: {replicas(user)}\n{(user.home / 'logs' / 'server.log').read_text()[-4000:]}"


@pytest.fixture(scope="module")
def served(user):
    user.write("onlinescoring/score.py", IMPORTING)
    user.write("blue.yml", BLUE)
    user("zaffre online-endpoint create -n kept")
    user("zaffre online-deployment create -f blue.yml --all-traffic")
    user("zaffre online-deployment update -n blue -e kept --set environment_variables.WORD=second")
    abandoned(user.home / "environments/builds")
    return user


def answers(user):
    found = user.post("kept", "{}")
    assert found.status_code == 200, found.text
    return found.json()


def test_what_live_replicas_of_an_earlier_server_run_from_stays(served):
    assert answers(served) == ["second", "1 2 3"]
    _, pid = replica(served)
    served("zaffre server stop")
    served("zaffre server start")
    gone = collect(served)
    assert (gone["environments"], gone["overlays"]) == (["0" * 64], [])
    assert answers(served) == ["second", "1 2 3"]
    assert replica(served)[1] == pid

    os.kill(pid, signal.SIGKILL)  # its shim starts it again, from what is left
    assert answers(served) == ["second", "1 2 3"]
    assert replica(served)[1] != pid


def test_a_revision_can_return_after_a_collection(served):
    collect(served)
    served("zaffre online-deployment rollback -n blue -e kept")
    assert answers(served) == ["first", "1 2 3"]


def test_a_replica_that_is_gone_with_its_shim_is_started_afresh_after_a_collection(served):
    folder, _ = replica(served)
    collect(served)
    os.kill(records.lock_holder(str(folder)), signal.SIGKILL)
    end = time.monotonic() + 120
    while served.post("kept", "{}").status_code != 200:
        assert time.monotonic() < end
    assert answers(served) == ["first", "1 2 3"], situation(served)
