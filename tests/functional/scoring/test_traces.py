"""Trace context, spans and request logs of real replicas, beside a real OTLP receiver."""

import http.server
import json
import threading
import time

import pytest

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"}

TELLS = """
from zaffre_runtime.scoring import trace_context
def init():
    pass
def run(data):
    found = trace_context.current()
    return None if found is None else [found.trace_id, found.span_id, found.tracestate]
"""

OPEN_TELEMETRY = """
from opentelemetry import trace
def init():
    pass
def run(data):
    found = trace.get_current_span().get_span_context()
    return [f"{found.trace_id:032x}", f"{found.span_id:016x}", found.is_remote]
"""

RAW = """
from azureml.contrib.services.aml_request import rawhttp
def init():
    pass
@rawhttp
def run(request):
    return request.headers.get("traceparent")
"""


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes what an OpenTelemetry collector takes at /v1/traces."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append((self.path, self.headers, json.loads(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """Quiet."""


@pytest.fixture
def collector():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        server.taken = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def spans(collector, count):
    """Every span that came, once there are so many."""
    end = time.monotonic() + 120
    while True:
        found = [
            span
            for _, _, body in list(collector.taken)
            for resource in body["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]
        if len(found) >= count:
            return found
        assert time.monotonic() < end, found
        time.sleep(0.02)


def traced(start, collector, script=TELLS, **more):
    url = f"http://127.0.0.1:{collector.server_port}"
    return start(script, app_insights=True, otlp_url=url, otlp_headers={"x-token": "t"}, **more)


def lines(running, count):
    """The request log, once it has so many lines."""
    found = []

    def written():
        found[:] = [json.loads(line) for line in running.log().splitlines() if '"kind": "request"' in line]
        return len(found) >= count

    running.wait_for(written, f"{count} lines of request log")
    return found


def test_a_script_reads_the_trace_of_its_request(start):
    running = start(TELLS)
    assert running.ask(body=b"1", headers=PARENT).json() == [TRACE, SPAN, "vendor=1"]
    assert running.ask(body=b"1").json() is None
    assert running.ask(body=b"1", headers={"traceparent": "00-nonsense"}).json() is None


def test_a_raw_script_finds_the_header(start):
    assert start(RAW).ask(body=b"1", headers=PARENT).json() == PARENT["traceparent"]


def test_open_telemetry_finds_its_context_set(start):
    running = start(OPEN_TELEMETRY)
    assert running.ask(body=b"1", headers=PARENT).json() == [TRACE, SPAN, True]
    assert running.ask(body=b"1").json() == ["0" * 32, "0" * 16, False]


def test_spans_reach_the_collector_below_the_callers(start, collector):
    running = traced(start, collector)
    trace_id, own, _ = running.ask(body=b"1", headers={**PARENT, "x-request-id": "mine"}).json()
    whole, run = spans(collector, 2)
    path, headers, _ = collector.taken[0]
    assert (path, headers["x-token"]) == ("/v1/traces", "t")
    assert (whole["traceId"], whole["spanId"], whole["parentSpanId"]) == (TRACE, own, SPAN)
    assert (run["name"], run["traceId"], run["parentSpanId"]) == ("run", trace_id, own)
    assert int(whole["startTimeUnixNano"]) <= int(run["startTimeUnixNano"]) <= int(run["endTimeUnixNano"])
    said = {item["key"]: item["value"] for item in whole["attributes"]}
    assert said["zaffre.request_id"] == {"stringValue": "mine"}
    assert said["http.response.status_code"] == {"intValue": "200"}
    assert whole["traceState"] == "vendor=1"


def test_what_arrives_is_what_open_telemetry_calls_valid(start, collector):
    from google.protobuf import json_format
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

    traced(start, collector).ask(body=b"1")
    spans(collector, 2)
    message = trace_service_pb2.ExportTraceServiceRequest()
    json_format.ParseDict(collector.taken[0][2], message)
    assert message.resource_spans[0].scope_spans[0].spans[0].kind == 2


def test_who_asks_not_to_be_sampled_is_not(start, collector):
    running = traced(start, collector)
    running.ask(body=b"1", headers={"traceparent": f"00-{TRACE}-{SPAN}-00"})
    running.ask(body=b"1", headers=PARENT)
    assert {span["parentSpanId"] for span in spans(collector, 2) if span["name"] != "run"} == {SPAN}
    assert len(spans(collector, 2)) == 2


def test_every_request_is_a_line_in_the_log_without_its_body(start):
    running = start("def init(): pass\ndef run(data): return 1 / len(data)\n", app_insights=True)
    assert running.ask(body=b"secret", headers={"x-ms-client-request-id": "c1"}).status == 200
    assert running.ask(body=b"").status == 500
    assert running.ask("GET", "/nothing").status == 404
    first, second, third = lines(running, 3)
    assert (first["code"], second["code"], third["code"]) == (200, 500, 404)
    assert first["client_request_id"] == "c1"
    assert first["duration_ms"] >= first["run_ms"] >= 0
    assert (second["path"], third["run_ms"]) == ("/score", None)
    assert "secret" not in running.log()


def test_a_collector_that_is_away_costs_no_answer(start):
    running = start(TELLS, app_insights=True, otlp_url="http://127.0.0.1:9")
    for _ in range(20):
        assert running.ask(body=b"1").status == 200
    running.wait_for(lambda: "were not taken" in running.log(), "a complaint")


def test_without_app_insights_nothing_is_reported(start, collector):
    url = f"http://127.0.0.1:{collector.server_port}"
    running = start(TELLS, otlp_url=url)
    assert running.ask(body=b"1", headers=PARENT).json() == [TRACE, SPAN, "vendor=1"]
    assert '"kind"' not in running.log()
    assert collector.taken == []
