"""Conversions as operations: a job converts, the server registers, and nothing is lost by a restart."""

import dataclasses
import os

import pytest
import xgboost
from sklearn import datasets, linear_model

from zaffre.core import errors
from zaffre.server import events, operations
from zaffre.server.compute import ports
from zaffre.server.lineage import service as lineage
from zaffre.testing import online

IRIS = datasets.load_iris()
LOGISTIC = linear_model.LogisticRegression(max_iter=500).fit(IRIS.data, IRIS.target)


class SleepsWhenLoaded:
    """Its pickle runs code: it sleeps until somebody makes the file go away."""

    def __reduce__(self):
        return exec, ("import time; time.sleep(3600)",)


class TellsWhoItIs:
    """Its pickle writes down what the process that loads it may do."""

    def __reduce__(self):
        code = (
            "import os; print('uid', os.getuid(), 'home', os.path.exists({home!r}), flush=True);"
            "os.makedirs(os.environ['ZAFFRE_OUTPUTS'], exist_ok=True);"
            "os.symlink('/etc/passwd', os.environ['ZAFFRE_OUTPUTS'] + '/result.json')"
        )
        return exec, (code.format(home=self.home),)


class TakesMuchMemory:
    """Its pickle runs code: it fills 2 GB."""

    def __reduce__(self):
        return exec, ("held = bytearray(2 << 30)",)


def test_a_new_version_says_where_it_comes_from(desk):
    desk.model(LOGISTIC)
    done = desk.wait(desk.ask())
    assert done["state"] == "Succeeded", done
    assert done["result"]["model"] == "iris:2"
    assert done["result"]["sample"] == "200 made-up rows (seed 0)"
    assert done["result"]["limits_enforced"] is not bool(done["result"].get("limits_note"))
    made = desk.get("iris", "2")
    assert made.tags == {"converted_from": "iris:1", "format": "onnx"}
    assert made.path.endswith("/model.onnx")
    assert made.properties["zaffre.converted_from"] == "iris:1"
    assert "skl2onnx" in made.properties["zaffre.converters"]
    assert float(made.properties["zaffre.speedup_1"]) > 0
    assert made.status.created_by == "tester"
    assert desk.means.runner.list() == []
    assert list(desk.means.folder.iterdir()) == []


def test_lineage_leads_from_the_converted_version_to_its_source(desk):
    desk.model(LOGISTIC)
    desk.wait(desk.ask(name="iris", version="1"))
    database = desk.house.database
    while events.relay(database, {"lineage": lineage.record}, limit=100):
        pass
    with database.read() as uow:
        found = lineage.trace(uow, online.CALLER, "default", "models/iris:2")
    edge = {"source": "models/iris:2", "relation": "converted-from", "target": "models/iris:1"}
    assert edge in found["edges"]
    assert "skl2onnx" in found["nodes"][0]["facts"]["converters"]


def test_another_name_and_the_users_rows(desk):
    desk.model(LOGISTIC)
    rows = desk.house.tree({"rows.csv": b"5.1,3.5,1.4,0.2\n6,3,5,2\n"})
    done = desk.wait(desk.ask(sample=f"{rows}/rows.csv", as_name="fast"))
    assert done["result"]["rows"] == 2
    assert done["result"]["model"] == "fast:1"


def test_answers_that_differ_end_the_operation_and_register_nothing(desk):
    desk.model(LOGISTIC)
    done = desk.wait(desk.ask(rtol=0, atol=0))
    assert done["state"] == "Failed"
    assert "answers differently" in done["error"]["detail"]
    assert len(done["error"]["fields"]["worst_row"]["input"]) == 4
    with pytest.raises(errors.NotFound):
        desk.get("iris", "2")


def test_what_is_no_model_is_refused_at_once(desk):
    desk.register({"notes.md": b"hello"}, "notes")
    with pytest.raises(errors.Unsupported, match="holds nothing that is converted"):
        desk.ask(name="notes")
    desk.register({"model.onnx": b"hello"}, "ready")
    with pytest.raises(errors.Unsupported, match="is an ONNX model already"):
        desk.ask(name="ready")


def test_a_model_that_does_not_load_ends_with_the_loaders_words(desk):
    desk.register({"model.pkl": b"not a pickle"})
    done = desk.wait(desk.ask())
    assert done["state"] == "Failed"
    assert "model.pkl cannot be loaded" in done["error"]["detail"]


def test_a_booster_in_xgboosts_own_form_goes_the_whole_way(desk):
    fitted = xgboost.XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1).fit(IRIS.data, IRIS.target)
    desk.register({"model.ubj": bytes(fitted.get_booster().save_raw("ubj"))}, "boosted")
    done = desk.wait(desk.ask(name="boosted"))
    assert done["state"] == "Succeeded", done
    made = desk.get("boosted", "2")
    assert made.properties["zaffre.framework"] == "xgboost"
    assert "onnxmltools" in made.properties["zaffre.converters"]


def test_a_model_that_takes_more_memory_than_conversions_get_ends_with_what_to_do(desk):
    desk.stop()
    limits = ports.Limits(cpu_cores=1, memory_bytes=512 << 20)
    desk.house.converting = dataclasses.replace(desk.house.converting, limits=limits)
    desk.restart()
    desk.model(TakesMuchMemory())
    done = desk.wait(desk.ask())
    assert done["state"] == "Failed"
    if "more memory than its limit" not in done["error"]["detail"]:
        pytest.skip(f"control groups may not be written here: {done['error']['detail']}")
    assert "conversion_memory_bytes" in done["error"]["hint"]


def test_work_is_given_up_when_somebody_says_so(desk):
    desk.model(SleepsWhenLoaded())
    asked = desk.ask()
    desk.until(desk.means.runner.list)
    with desk.house.database.write() as uow:
        assert operations.cancel(uow, asked["id"])["state"] == "Canceled"
    desk.until(lambda: not desk.means.runner.list())
    assert desk.operation(asked["id"])["state"] == "Canceled"


def test_a_conversion_survives_the_server(desk):
    """The job goes on while no server is there; the next one takes its result, without running it again."""
    desk.model(LOGISTIC)
    asked = desk.ask()
    desk.until(desk.means.runner.list)
    desk.stop()
    assert desk.operation(asked["id"])["state"] == "Running"
    desk.means.runner.wait(asked["id"], timeout_s=200)
    started = desk.means.runner.status(asked["id"]).started_at
    desk.restart()
    done = desk.wait(asked)
    assert (done["state"], done["result"]["model"]) == ("Succeeded", "iris:2")
    assert started


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can isolate")
def test_a_hostile_model_sees_nothing_and_cannot_make_the_server_read_for_it(isolated_desk):
    hostile = TellsWhoItIs()
    hostile.home = str(isolated_desk.house.home / "zaffre.db")
    isolated_desk.model(hostile)
    asked = isolated_desk.ask()
    done = isolated_desk.wait(asked)
    assert done["state"] == "Failed"
    assert "root:" not in str(done["error"])
