"""What deployments did, as router, replicas and processes say it: real requests, real restarts."""

import dataclasses
import datetime as dt
import json
import os
import signal

import pytest
import sqlalchemy as sa

from zaffre.core import clock
from zaffre.server.endpoints.telemetry import alerts, sampler, service
from zaffre.testing import online, otlp


@pytest.fixture
def served(desk):
    assert desk.endpoint()["state"] == "Succeeded"
    done = desk.deploy(desk.deployment(), all_traffic=True)
    assert done["state"] == "Succeeded", done
    return desk


def looks(house, **options):
    """A sampler as a server starts it."""
    return sampler.Sampler(
        house.database, house.runner, house.router, **{"interval_s": 10.0, "retention_s": 3600.0, **options}
    )


def figures(house, name="blue"):
    with house.database.read() as uow:
        return service.of_deployment(uow, online.CALLER, "default", "churn", name)


def settled(served, house, look, requests):
    """Looks until router (once a second) and replica (every few seconds) have written all of it down."""

    def done():
        look.step()
        found = figures(house)
        return (found["requests"], found["batch_size"]["mean"]) == (requests, 1.0) and found["latency_ms"][
            "p50"
        ]

    served.until(done)
    return figures(house)


def test_requests_are_counted_once_over_restarts_of_everything(served, house):
    look = looks(house)
    look.step()
    for _ in range(5):
        assert served.call().status_code == 200
    assert served.call({"wait_s": "text"}).status_code == 424
    found = settled(served, house, look, 6)
    assert found["codes"] == {"200": 5, "424": 1}
    assert (found["errors"], found["error_rate"]) == (1, round(1 / 6, 6))
    assert 0 < found["latency_ms"]["p50"] <= found["latency_ms"]["p99"] < 5000
    assert found["memory_bytes"]["peak"] > 5 << 20
    assert found["cpu_cores"] > 0

    # The control plane starts anew, and requests came while it was away.
    assert served.call().status_code == 200
    look = looks(house)
    assert settled(served, house, look, 7)["codes"]["200"] == 6

    # The replica starts anew, and counts from zero.
    pid = served.call().json()["pid"]
    os.kill(pid, signal.SIGKILL)
    served.until(lambda: served.call().json().get("pid", pid) != pid)
    served.until(lambda: look.step() and figures(house)["restarts"] == 1)

    # The router starts anew, and counts from zero.
    before, tries = figures(house)["requests"], []
    house.runner.kill("router")
    served.until(lambda: served_again(served, tries))
    served.until(lambda: look.step() and figures(house)["requests"] >= before + 1)
    assert figures(house)["requests"] <= before + len(tries)


def test_what_a_replica_served_until_it_left_is_counted(served, house):
    """All of it was answered after the last look, and router and replica forget it when the next revision takes over."""
    look = looks(house)
    house.reconciler.before_removal = look.step
    look.step()
    before = set(house.runner.list())
    for _ in range(5):
        assert served.call().status_code == 200
    assert served.deploy(served.deployment(word="again"))["state"] == "Succeeded"
    served.until(lambda: not (before & set(house.runner.list())) - {"router"})
    look.step()
    found = figures(house)
    assert (found["codes"], found["batch_size"]["mean"]) == ({"200": 5}, 1.0)


@pytest.fixture
def collector():
    with otlp.Collector() as running:
        yield running


SEES = """
from opentelemetry import trace
from zaffre_runtime.scoring import trace_context
def init():
    pass
def run(data):
    seen = trace.get_current_span().get_span_context()
    return [trace_context.current().traceparent, f"{seen.trace_id:032x}", f"{seen.span_id:016x}"]
"""


@pytest.fixture
def traced_desk(open_desk, collector):
    """A desk in a house that sends spans."""
    return open_desk(traces={"otlp_url": collector.url, "otlp_headers": {}, "trace_share": 1.0})


def test_spans_lead_from_the_caller_by_the_router_to_the_script(traced_desk, collector):
    assert traced_desk.endpoint()["state"] == "Succeeded"
    code = {
        "code": f"{traced_desk.house.tree({'code/score.py': SEES.encode()})}/code",
        "scoring_script": "score.py",
    }
    wanted = traced_desk.deployment(app_insights_enabled=True, code_configuration=code)
    done = traced_desk.deploy(wanted, all_traffic=True)
    assert done["state"] == "Succeeded", done
    trace, caller = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    answer = traced_desk.call({}, {"traceparent": f"00-{trace}-{caller}-01"})
    assert answer.status_code == 200, answer.text
    spans = {span["name"]: span for span in collector.await_spans(3)}
    router, run = spans.pop("default/churn/blue"), spans.pop("run")
    (replica,) = spans.values()
    assert {span["traceId"] for span in (router, replica, run)} == {trace}
    assert router["parentSpanId"] == caller
    assert replica["parentSpanId"] == router["spanId"]
    assert run["parentSpanId"] == replica["spanId"]
    assert answer.json() == [f"00-{trace}-{replica['spanId']}-01", trace, replica["spanId"]]
    assert int(router["startTimeUnixNano"]) <= int(replica["startTimeUnixNano"])


def served_again(served, tries):
    tries.append(True)
    try:
        return served.call().status_code == 200
    except OSError:
        return False
    except Exception as error:
        if type(error).__module__.startswith("httpx"):
            return False
        raise


def test_refused_requests_are_429_and_late_ones_408_in_the_figures(served, house):
    look = looks(house)
    look.step()
    slow = served.deployment(
        "slow", request_settings={"request_timeout_ms": 300, "max_concurrent_requests_per_instance": 1}
    )
    assert served.deploy(slow)["state"] == "Succeeded"
    named = {"azureml-model-deployment": "slow"}
    assert served.call({"wait_s": 1.0}, named).status_code == 408
    served.until(lambda: look.step() and figures(house, "slow")["codes"].get("408"))
    assert figures(house, "slow")["error_rate"] == 1.0


def test_a_deleted_deployment_is_forgotten(served, house):
    look = looks(house)
    assert served.deploy(served.deployment("green"))["state"] == "Succeeded"
    look.step()
    assert served.delete("green")["state"] == "Succeeded"
    look.step()
    with house.database.read() as uow:
        found = service.of_endpoint(uow, online.CALLER, "default", "churn")
    assert list(found["deployments"]) == ["blue"]
    assert found["memory_bytes"]["peak"] > 5 << 20


def test_what_is_older_than_the_retention_is_dropped(served, house):
    looks(house).step()
    late = looks(house, retention_s=0.0)
    served.until(lambda: late.step() and figures(house)["covered_s"] <= 10.0)


def told(house, kind):
    """The values of the events of one type, oldest first."""
    with house.database.read() as uow:
        query = sa.text("select data from events where type = :kind order by seq")
        return [json.loads(row.data) for row in uow.connection.execute(query, {"kind": kind})]


def test_a_rule_fires_once_and_is_resolved_once(served, house, monkeypatch):
    rules = {"alerts": [{"name": "failing", "condition": "FailedRequests > 0", "window_size": "5m"}]}
    assert served.deploy(served.deployment(zaffre=rules, model=served.model()))["state"] == "Succeeded"
    look = looks(house, after=alerts.after_a_look)
    look.step()
    assert told(house, "AlertFired") == []
    assert served.call({"wait_s": "text"}).status_code == 424
    served.until(lambda: look.step() and told(house, "AlertFired"))
    look.step()
    looks(house, after=alerts.after_a_look).step()  # a server that starts anew tells nothing twice
    (fired,) = told(house, "AlertFired")
    assert (fired["deployment"], fired["alert"], fired["measured"]) == ("blue", "failing", 1)
    assert [item["name"] for item in figures(house)["alerts"]] == ["failing"]
    with house.database.read() as uow:
        (line,) = service.firing(uow, "default", "churn", "blue")
        assert service.firing(uow, "default", "churn") == [f"blue: {line}"]
    assert line.startswith("failing since 20")
    assert line.endswith(" (measured 1)")
    later = clock.now() + dt.timedelta(minutes=10)
    monkeypatch.setattr(sampler.clock, "now", lambda: later)
    look.step()
    assert len(told(house, "AlertFired")) == len(told(house, "AlertResolved")) == 1
    assert figures(house)["alerts"] == []


def test_a_full_machine_is_said_of_what_goes_onto_it(served, house):
    assert served.show().machine_note is None
    house.room = dataclasses.replace(house.room, warnings=lambda: ["The disk is nearly full."])
    assert served.deploy(served.deployment("green"))["state"] == "Succeeded"
    assert served.show("green").machine_note == "The disk is nearly full."
