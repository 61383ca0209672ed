"""Spans of a real Envoy, taken by a real receiver: whose they are, what replicas are told, and what passes untouched."""

import httpx
import pytest

from zaffre.server.endpoints.router import tracing
from zaffre.testing import otlp

KEY = {"authorization": f"Bearer {'p' * 40}"}
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def parent(flags="01"):
    return {"traceparent": f"00-{TRACE}-{SPAN}-{flags}", "tracestate": "vendor=1"}


@pytest.fixture
def collector():
    with otlp.Collector() as running:
        yield running


@pytest.fixture
def traced(collector, start_router, upstreams, state):
    """A function that starts a router with a share; gives a function that asks a deployment what its replica was told."""

    def start(share=1.0):
        traces = tracing.Tracing(collector.url, {"x-token": "t"}, share)
        router = start_router(traces=traces)
        pair = [("blue", "r1", [upstreams("blue")]), ("green", "r2", [upstreams("green")])]
        router.apply(state(*pair, traffic={"blue": 100}, traced=("blue",), traces=traces))

        def ask(deployment="blue", **headers):
            named = {**KEY, "azureml-model-deployment": deployment, **headers}
            answer = httpx.post(f"{router.url}/default/churn/score", headers=named, json={}, timeout=60)
            assert answer.status_code == 200, answer.text
            return answer.json()["headers"]

        return ask

    return start


def test_a_span_stands_between_the_callers_and_the_replicas(traced, collector):
    told = traced()(**parent(), **{"x-request-id": "mine"})
    (span,) = collector.await_spans(1)
    assert (span["traceId"], span["parentSpanId"], span["name"]) == (TRACE, SPAN, "default/churn/blue")
    assert told["traceparent"] == f"00-{TRACE}-{span['spanId']}-01"
    assert told["tracestate"] == "vendor=1"
    assert (span["service"], otlp.attributes(span)["zaffre.request_id"]) == ("zaffre/router", "mine")
    assert otlp.attributes(span)["http.status_code"] == "200"
    path, headers, _ = collector.taken[0]
    assert (path, headers["x-token"]) == ("/v1/traces", "t")


def test_only_traced_deployments_and_sampled_callers_leave_spans(traced, collector):
    ask = traced()
    assert ask("green", **parent())["traceparent"] == parent()["traceparent"]
    assert "traceparent" not in ask("green")
    refused = ask(**parent("00"))["traceparent"]
    assert (refused[:36], refused[-3:]) == (f"00-{TRACE}-", "-00")
    own = ask()["traceparent"].split("-")
    (span,) = collector.await_spans(1)
    assert own[1:] == [span["traceId"], span["spanId"], "01"]
    assert "parentSpanId" not in span


def test_a_share_of_the_others_is_traced(traced, collector):
    ask = traced(0.5)
    flags = [ask()["traceparent"][-2:] for _ in range(60)]
    assert set(flags) == {"00", "01"}
    assert len(collector.await_spans(flags.count("01"))) == flags.count("01")


def test_request_ids_pass_unchanged(traced, collector):
    given = "8b1a9953-c461-4296-a827-abf8c47804d7"
    assert traced()(**{"x-request-id": given})["x-request-id"] == given
