"""Profiles of scripts with known answers, under real limits."""

import pytest

from zaffre.core import errors
from zaffre.server import operations
from zaffre.server.profiling import trying
from zaffre.server.registry.models import service as models
from zaffre.server.registry.versioning import changes
from zaffre.server.secrets import named as secrets
from zaffre.testing import online

# Sleeps for as long as the body says, holds 100 MB, and fails where the body says so.
SCRIPT = """
import json, time
def init():
    global held
    held = bytearray(100 << 20)
def run(raw_data):
    asked = json.loads(raw_data)
    if asked.get("fail"):
        raise ValueError("asked to")
    time.sleep(asked["s"])
    return asked["s"]
"""
FIELDS = {
    "name", "createdTime", "state", "requestedCpu", "requestedMemoryInGB", "requestedQueriesPerSecond",
    "maxUtilizedCpu", "maxUtilizedMemoryInGB", "totalQueries", "successQueries", "successRate", "averageLatencyInMs",
    "latencyPercentile50InMs", "latencyPercentile90InMs", "latencyPercentile95InMs", "latencyPercentile99InMs",
    "latencyPercentile999InMs", "measuredQueriesPerSecond", "recommendedCpu", "recommendedMemoryInGB", "zaffre",
}  # fmt: skip


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(trying, "_LOAD_S", 1.5)
    monkeypatch.setattr(trying, "_WARM_UP_S", 0.5)
    monkeypatch.setattr(trying, "_FEWEST", 20)


@pytest.fixture
def finished(desk):
    def wait(operation):
        done = desk.wait(operation, timeout_s=280)
        if "this machine sets none" in str(done["error"]):
            pytest.skip("control groups may not be written here")
        return done

    return wait


def test_a_sleeping_script_gets_the_figures_that_are_known(desk, finished):
    deployment = desk.script(SCRIPT)
    with desk.house.database.write() as uow:
        earlier = {"zaffre.profile.name": "earlier", "zaffre.profile.error": "too slow", "mine": "stays"}
        changes.update(
            uow,
            online.CALLER,
            models.shelf("default"),
            "churn",
            version="1",
            changes={"properties": earlier},
        )
    asked = desk.ask(
        deployment=deployment,
        data=desk.data('{"s": 0.03}'),
        cpu=0.5,
        requests_per_second=10,
        memory_in_gb=1,
    )
    done = finished(asked)
    assert done["state"] == "Succeeded", done
    found = done["result"]
    assert set(found) - {"error"} == FIELDS
    assert 30 <= found["latencyPercentile50InMs"] <= found["latencyPercentile99InMs"]
    assert found["maxUtilizedMemoryInGB"] > 100 / 1024
    assert found["successRate"] == 1
    assert found["recommendedCpu"] in (0.1, 0.25, 0.5)
    assert found["recommendedMemoryInGB"] >= found["maxUtilizedMemoryInGB"]
    tried = [size["cpu"] for size in found["zaffre"]["sizes"]]
    assert tried == sorted(tried)
    with desk.house.database.read() as uow:
        properties = models.get(uow, online.CALLER, "default", "churn", "1").properties
    assert properties["zaffre.profile.recommendedCpu"] == str(found["recommendedCpu"])
    assert properties["zaffre.profile.name"] == "small"
    assert properties["mine"] == "stays"
    assert ("zaffre.profile.error" in properties) == ("error" in found)
    assert desk.house.runner.list() == []
    assert desk.house.converting.runner.list() == []


def test_requests_that_fail_are_counted_and_nothing_is_recommended(desk, finished):
    bodies = ['{"s": 0.001}'] * 3 + ['{"fail": true}']
    asked = desk.ask(
        deployment=desk.script(SCRIPT), data=desk.data(*bodies), cpu=0.25, requests_per_second=20
    )
    found = finished(asked)["result"]
    assert found["successRate"] == pytest.approx(0.75, abs=0.05)
    assert found["successQueries"] < found["totalQueries"]
    assert "recommendedCpu" not in found
    assert "were not answered with 200" in found["error"]


def test_too_little_memory_is_said_and_ends_nothing_else(desk, finished):
    asked = desk.ask(
        deployment=desk.script(SCRIPT), data=desk.data('{"s": 0.001}'), cpu=0.25, memory_in_gb=0.1
    )
    done = finished(asked)
    assert done["state"] == "Failed"
    assert "more memory than its limit" in done["error"]["detail"]
    profile = done["error"]["fields"]["profile"]
    assert profile["state"] == "Failed"
    assert {"error", "errorLogsUri", "requestedCpu", "requestedMemoryInGB", "name", "createdTime"} <= set(
        profile
    )
    assert desk.house.runner.list() == []


def test_a_profile_is_given_up_when_somebody_says_so(desk):
    asked = desk.ask(deployment=desk.script(SCRIPT), data=desk.data('{"s": 0.001}'), cpu=0.25)
    desk.until(desk.house.runner.list)
    with desk.house.database.write() as uow:
        operations.cancel(uow, asked["id"])
    desk.until(lambda: not desk.house.runner.list())
    desk.until(lambda: desk.operation(asked["id"])["error"])
    ended = desk.operation(asked["id"])
    assert ended["state"] == "Canceled"
    assert ended["error"]["fields"]["profile"]["state"] == "Cancelled"


def test_a_profile_whose_time_is_over_is_timed_out(desk):
    script = "import time\ndef init(): time.sleep(3600)\ndef run(raw_data): return 1\n"
    done = desk.wait(
        desk.ask(
            deployment=desk.script(script), data=desk.data("{}"), cpu=0.25, timeout_s=1, description="slow"
        )
    )
    assert done["state"] == "TimedOut"
    assert done["error"]["code"] == "timed_out"
    profile = done["error"]["fields"]["profile"]
    assert set(profile) == {
        "name", "description", "createdTime", "state", "requestedCpu", "requestedMemoryInGB", "error", "errorLogsUri",
    }  # fmt: skip
    assert profile["state"] == "TimedOut"
    assert desk.house.runner.list() == []


def test_a_script_gets_the_secrets_that_its_variables_name(desk, finished):
    script = "import os\ndef init(): raise ValueError('it ends in ' + os.environ['TOKEN'][-3:])\ndef run(raw_data): 1\n"
    deployment = {**desk.script(script), "environment_variables": {"TOKEN": "${{secret.token}}"}}
    with pytest.raises(errors.NotFound, match="token"):
        desk.ask(deployment=deployment, data=desk.data("{}"))
    with desk.house.database.write() as uow:
        secrets.put(uow, online.CALLER, desk.house.room.box, "default", name="token", value="s3cret")
    done = finished(desk.ask(deployment=deployment, data=desk.data("{}"), cpu=1))
    assert "it ends in ret" in done["error"]["detail"]
    assert "s3cret" not in str(done)


def test_bad_data_end_the_profile_with_the_reason(desk):
    address = desk.house.tree({"rows.csv": b"a,b\n1,2\n"})
    done = desk.wait(desk.ask(deployment=desk.script(SCRIPT), data=f"{address}/rows.csv"))
    assert done["state"] == "Failed"
    assert "has 2 columns (a, b)" in done["error"]["detail"]


def test_what_makes_no_sense_is_refused_at_once(desk):
    script = desk.script(SCRIPT)
    with pytest.raises(errors.Invalid, match="A profile needs data"):
        desk.ask(deployment=script)
    with pytest.raises(errors.Invalid, match="cpu"):
        desk.ask(deployment=script, data=desk.data("{}"), cpu=0.05)
    with pytest.raises(errors.Invalid, match="memory_in_gb"):
        desk.ask(deployment=script, data=desk.data("{}"), memory_in_gb=20)
    with pytest.raises(errors.Invalid, match="give either models or deployment"):
        desk.ask(data=desk.data("{}"))
    with pytest.raises(errors.NotFound):
        desk.ask(models=["azureml:nothing:1"], data=desk.data("{}"))
    with pytest.raises(errors.Invalid, match="name"):
        desk.ask(name="", deployment=script, data=desk.data("{}"))
