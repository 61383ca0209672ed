"""The life of deployments: real processes, a real router, every answer checked."""

import concurrent.futures
import os
import time

import pytest

from zaffre.core import errors
from zaffre.server.endpoints.online import deployments, service
from zaffre.server.registry.models import service as models
from zaffre.server.registry.versioning import service as versions
from zaffre.testing import online
from zaffre_runtime.scoring import patience


@pytest.fixture
def served(desk):
    """An endpoint whose deployment blue has all traffic."""
    assert desk.endpoint()["state"] == "Succeeded"
    done = desk.deploy(desk.deployment(), all_traffic=True)
    assert done["state"] == "Succeeded", done
    return desk


def words(load_, since=0.0):
    """The words that answers carried, of those to requests that were sent after a moment."""
    return {
        answer.body.split(b'"word": "')[1].split(b'"')[0].decode()
        for answer in load_.answers
        if answer.sent >= since
    }


def test_from_nothing_to_an_answer_and_away_again(served, house):
    answer = served.call()
    assert (answer.status_code, answer.json()["word"], answer.json()["model"]) == (200, "hello", "weights 1")
    shown = served.show()
    assert answer.headers["azureml-model-deployment"] == "blue"
    assert answer.headers["x-zaffre-revision"] == shown.status.revision
    assert (shown.provisioning_state, shown.service_state) == ("Succeeded", "Healthy")
    assert (shown.status.traffic, shown.status.instances_ready) == (100, 1)
    assert shown.status.modified_at == shown.status.created_at
    assert shown.model == "azureml:churn:1"
    assert served.show_endpoint().status.running_traffic == {"blue": 100}
    assert "init of hello" in served.logs()

    with house.database.write() as uow:
        operation = service.delete(uow, online.CALLER, "default", "churn")
    assert served.wait(operation)["state"] == "Succeeded"
    assert [name for name in house.runner.list() if name != "router"] == []
    assert served.get(served.url()).status_code == 404
    with house.database.write() as uow:
        versions.delete(uow, online.CALLER, models.shelf("default"), "churn", "1")


def test_the_largest_numbers_that_a_file_may_say_are_no_trouble_for_anybody(desk):
    """Envoy refuses a file whole, so one number that it cannot hold would stop the changes of all endpoints."""
    assert desk.endpoint()["state"] == "Succeeded"
    most = 2_147_483_647
    probe = dict.fromkeys(
        ("period", "timeout", "success_threshold", "failure_threshold", "initial_delay"), most
    )
    limits = {"max_concurrent_requests_per_instance": most, "max_queue_wait_ms": most}
    settings = {**limits, "request_timeout_ms": 300_000}
    done = desk.deploy(
        desk.deployment(
            request_settings=settings, readiness_probe=probe, liveness_probe=probe, instance_count=2
        ),
        all_traffic=True,
    )
    assert done["state"] == "Succeeded", done
    assert desk.call().status_code == 200


def test_a_new_revision_under_load_fails_nothing_and_rolls_back(served, house):
    first = served.show().status.revision
    with served.steady() as requests:
        requests.await_answers(50)
        done = served.deploy(served.deployment(word="changed", model=served.model("weights 2")))
        assert done["state"] == "Succeeded", done
        since = requests.await_answers(50)
        assert words(requests, since) == {"changed"}
        done = served.rollback()
        assert done["state"] == "Succeeded", done
        since = requests.await_answers(50)
        assert words(requests, since) == {"hello"}
    assert requests.failures == []
    assert served.call().json()["model"] == "weights 1"
    found = served.revisions()
    assert [item["state"] for item in found] == ["Serving", "Served", "Served"]
    assert (found[0]["rolled_back_to"], found[2]["id"]) == (first, first)
    served.until(lambda: len(house.runner.list()) == 2)


def test_an_init_that_fails_leaves_the_old_revision_serving(served, house):
    before = served.show().status.revision
    with served.steady() as requests:
        done = served.deploy(served.deployment(init="raise RuntimeError('no such file of weights')"))
        requests.await_answers(20)
    assert requests.failures == []
    assert done["state"] == "Failed"
    assert any("no such file of weights" in line for line in done["error"]["fields"]["last_log_lines"])
    shown = served.show()
    assert (shown.provisioning_state, shown.service_state) == ("Failed", "Healthy")
    assert "did not become ready" in shown.status.reason
    assert any("no such file of weights" in line for line in shown.status.last_log_lines)
    assert served.call().headers["x-zaffre-revision"] == before
    assert "no such file of weights" in served.logs()
    with house.database.write() as uow:  # the failed revision guards nothing any more
        versions.delete(uow, online.CALLER, models.shelf("default"), "churn", "2")

    done = served.deploy(served.deployment(word="mended"))
    assert done["state"] == "Succeeded"
    assert served.call().json()["word"] == "mended"
    served.until(lambda: len(house.runner.list()) == 2)


def test_a_first_deployment_that_fails_is_failed_and_can_be_deleted(desk, house):
    desk.endpoint()
    done = desk.deploy(desk.deployment(init="raise RuntimeError('no weights')"))
    assert done["state"] == "Failed"
    shown = desk.show()
    assert (shown.provisioning_state, shown.service_state) == ("Failed", "Failed")
    assert "no weights" in desk.logs()
    assert desk.delete()["state"] == "Succeeded"
    assert [name for name in house.runner.list() if name != "router"] == []


def test_scale_up_and_down_keeps_processes_and_answers(served, house):
    first = served.call().json()["pid"]
    with served.steady(connections=8) as requests:
        requests.await_answers(20)
        assert (
            served.deploy(served.deployment(model="azureml:churn:1", instance_count=3))["state"]
            == "Succeeded"
        )
        assert len(house.runner.list()) == 4
        assert served.show().status.instances_ready == 3
        served.until(lambda: len({a.body for a in requests.answers}) == 3)
        assert served.deploy(served.deployment(model="azureml:churn:1"))["state"] == "Succeeded"
        served.until(lambda: len(house.runner.list()) == 2)
        requests.await_answers(20)
    assert requests.failures == []
    assert served.call().json()["pid"] == first


def test_two_deployments_share_and_one_without_traffic_can_go(served, house):
    done = served.deploy(served.deployment("green", word="green", model="azureml:churn:1"))
    assert done["state"] == "Succeeded"
    assert served.show_endpoint().traffic == {"blue": 100, "green": 0}
    assert served.call(headers={"azureml-model-deployment": "green"}).json()["word"] == "green"
    with served.steady() as requests:
        for share in (10, 50, 100):
            assert served.traffic({"blue": 100 - share, "green": share})["state"] == "Succeeded"
            requests.await_answers(20)
        since = requests.await_answers(20)
        with pytest.raises(errors.InUse, match="100 % of the traffic"):
            served.delete("green")
        assert served.delete("blue")["state"] == "Succeeded"
        requests.await_answers(20)
    assert requests.failures == []
    assert words(requests, since) == {"green"}
    assert served.show_endpoint().traffic == {"green": 100}


def test_a_long_request_is_answered_before_its_replica_goes(served, house):
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        long = pool.submit(served.call, {"wait_s": 3})
        served.until(lambda: any(h.active for c in house.router.hosts().values() for h in c.values()))
        served.deploy(served.deployment(word="new", model="azureml:churn:1"))
        assert served.call().json()["word"] == "new"
        assert long.result().json()["word"] == "hello"


def test_keys_change_one_at_a_time(served):
    old = served.keys()
    assert served.regenerate("primary")["state"] == "Succeeded"
    new = served.keys()
    assert new["secondary_key"] == old["secondary_key"]
    assert len(new["primary_key"]) >= 32
    codes = [
        served.get(served.url(), key).status_code
        for key in (new["primary_key"], old["secondary_key"], old["primary_key"])
    ]
    assert codes == [200, 200, 401]


def test_what_bad_input_gets(served, house):
    with pytest.raises(errors.Invalid, match="no deployment 'purple'"):
        served.traffic({"purple": 100})
    with pytest.raises(errors.Invalid, match="sum to 0 or 100, not 90"):
        served.traffic({"blue": 90})
    with pytest.raises(errors.Unsupported, match="ZAFFRE_OIDC_ISSUERS"):
        served.endpoint("other", auth_mode="aad_token")
    with pytest.raises(errors.Invalid, match="cannot be set at creation"):
        served.endpoint("other", traffic={"blue": 100})
    code = {"code": served.deployment().code_configuration.code, "scoring_script": "other.py"}
    wrong = served.deployment(code_configuration=code)
    with pytest.raises(errors.Invalid, match=r"no file 'other.py'"):
        served.begin(wrong)
    with pytest.raises(errors.NotFound, match="churn:99"):
        served.begin(served.deployment(model="azureml:churn:99"))
    with pytest.raises(errors.InUse, match="endpoints/churn/deployments/blue"), house.database.write() as uow:
        versions.delete(uow, online.CALLER, models.shelf("default"), "churn", "1")
    other = served.deployment()
    with pytest.raises(errors.Conflict, match="changed by somebody else"), house.database.write() as uow:
        deployments.put(uow, online.CALLER, house.room, "default", other, if_match='"old"')
    assert served.call().status_code == 200


def test_two_updates_at_once_conflict(served):
    operation = served.begin(served.deployment(word="slow", init="time.sleep(1)"))
    with pytest.raises(errors.Conflict, match="is being changed"):
        served.begin(served.deployment(word="other"))
    assert served.wait(operation)["state"] == "Succeeded"


def test_every_worker_of_an_instance_answers(desk, house):
    desk.endpoint()
    done = desk.deploy(desk.deployment(environment_variables={"WORKER_COUNT": "2"}), all_traffic=True)
    assert done["state"] == "Succeeded"
    assert desk.show().status.instances_ready == 1
    with desk.steady(connections=8) as requests:
        desk.until(lambda: len({answer.body for answer in requests.answers}) == 2)
    assert requests.failures == []


ENSEMBLE = """
import os, pathlib
def init():
    global models
    models = {str(path.relative_to(os.environ["AZUREML_MODEL_DIR"])): path.read_text()
              for path in sorted(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("*.txt"))}
def run(raw_data):
    return models
"""


def test_an_ensemble_finds_each_model_by_name_and_version_and_guards_all(desk, house):
    first, second = desk.model("one"), desk.model("two")
    code = house.tree({"score.py": ENSEMBLE.encode()})
    desk.endpoint()
    wanted = desk.deployment(
        zaffre={"models": [first, "azureml:churn@latest"]},
        code_configuration={"code": code, "scoring_script": "score.py"},
    )
    assert desk.deploy(wanted, all_traffic=True)["state"] == "Succeeded"
    assert desk.call().json() == {"churn/1/model.txt": "one", "churn/2/model.txt": "two"}
    assert desk.show().zaffre.models == [first, second]
    with pytest.raises(errors.InUse, match="deployments/blue"), house.database.write() as uow:
        versions.delete(uow, online.CALLER, models.shelf("default"), "churn", "1")


WHERE = """
import os
import time
def init():
    pass
def run(raw_data):
    seen = os.path.exists(raw_data.strip('"'))
    return {"uid": os.getuid(), "model_dir": os.environ["AZUREML_MODEL_DIR"], "script": __file__, "seen": seen}
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can isolate")
def test_isolated_replicas_run_as_another_user_where_azure_puts_things(isolated_desk):
    desk, house = isolated_desk, isolated_desk.house
    code = {"code": house.tree({"app/score.py": WHERE.encode()}) + "/app", "scoring_script": "score.py"}
    desk.endpoint()
    done = desk.deploy(desk.deployment(code_configuration=code), all_traffic=True)
    assert done["state"] == "Succeeded", (done, desk.logs())
    assert (house.home / "secret.key").exists()
    assert desk.call(str(house.home / "secret.key")).json() == {
        "uid": 64321,
        "model_dir": "/var/azureml-app/azureml-models/churn/1",
        "script": "/var/azureml-app/app/score.py",
        "seen": False,
    }


def test_where_there_is_no_other_replica_nobody_waits_there_twice(desk, house):
    """Whoever did would be answered: the long call is over before the third time."""
    desk.endpoint()
    hasty = {
        "max_concurrent_requests_per_instance": 4,
        "max_queue_wait_ms": 3000,
        "request_timeout_ms": 60_000,
    }
    done = desk.deploy(desk.deployment(request_settings=hasty), all_traffic=True)
    assert done["state"] == "Succeeded", done
    time.sleep(patience.HELD_S)  # who comes at once counts as held
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        long = pool.submit(desk.call, {"wait_s": 8})
        (cluster,) = house.router.stats().clusters
        desk.until(lambda: house.router.stats().clusters[cluster].active == 1)
        assert desk.call().status_code == 429
        assert long.result().status_code == 200
