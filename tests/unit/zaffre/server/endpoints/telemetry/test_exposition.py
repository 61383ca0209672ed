"""What Prometheus is told, read back by Prometheus' own parser."""

import re
from pathlib import Path

import prometheus_client
from prometheus_client import parser

from zaffre.core import tally
from zaffre.server.compute import machine
from zaffre.server.endpoints.online import facts
from zaffre.server.endpoints.router import stats
from zaffre.server.endpoints.telemetry import catalogue, exposition, looking, sampler

KEY = ("default", "churn", "blue")
TOTALS = {
    "code.200": 5,
    "code.429": 1,
    "latency.0": 3,
    "latency.4": 2,
    "wait.50": 4,
    "size.2": 2,
    "retried": 1,
}


def seen():
    slot = facts.Slot("r0123456789ab", 0, 0)
    instance = looking.Instance(slot, up=True, restarts=2, cpu_s=1.5, memory_bytes=1000, scored=5, waiting=1)
    loads = {slot.replicas: looking.Load(in_flight=4, pending=1)}
    look = looking.Look({slot.replicas: {}}, (instance,), loads, stats.Reading(connections=7))
    return sampler.Sampled(0, look, {slot.replicas: KEY}, {KEY: TOTALS})


def families():
    found = exposition.Families()
    exposition.deployments(found, seen())
    gpu = machine.Gpu("0", 0.5, 100, 50)
    exposition.of_machine(found, machine.Figures(2, 1.0, 100, 50, 200, 20, (gpu,)))
    tallied = tally.Tally()
    tallied.add(("GET", "/x"), 0.2)
    exposition.times(found, "zaffre_http_request_duration_seconds", tallied.read())
    registry = prometheus_client.CollectorRegistry(auto_describe=False)
    registry.register(found)
    text = prometheus_client.generate_latest(registry).decode()
    return {family.name: family for family in parser.text_string_to_metric_families(text)}


def samples(family):
    return {(item.name, *sorted(item.labels.items())): item.value for item in family.samples}


def labelled(**more):
    return tuple(sorted({"workspace": "default", "endpoint": "churn", "deployment": "blue", **more}.items()))


def test_counts_of_a_deployment_come_through_the_parser():
    found = families()
    requests = samples(found["zaffre_requests"])
    assert requests["zaffre_requests_total", *labelled(code="200")] == 5
    assert requests["zaffre_requests_total", *labelled(code="429")] == 1
    assert samples(found["zaffre_requests_in_flight"])["zaffre_requests_in_flight", *labelled()] == 4
    assert samples(found["zaffre_requests_queued"])["zaffre_requests_queued", *labelled()] == 2
    assert samples(found["zaffre_router_connections"])[("zaffre_router_connections",)] == 7


def test_histograms_are_cumulative_and_end_in_all():
    for name in ("zaffre_request_duration_seconds", "zaffre_queue_wait_seconds", "zaffre_batch_size"):
        family = families()[name]
        steps = [item.value for item in family.samples if item.name.endswith("_bucket")]
        (count,) = [item.value for item in family.samples if item.name.endswith("_count")]
        assert steps == sorted(steps)
        assert steps[-1] == count > 0
    buckets = samples(families()["zaffre_request_duration_seconds"])
    assert buckets["zaffre_request_duration_seconds_bucket", *labelled(le="0.001")] == 3


def test_every_name_and_label_is_in_the_catalogue():
    for name, family in families().items():
        metric = catalogue.BY_NAME[name]
        assert family.type == metric.kind
        for item in family.samples:
            assert set(item.labels) - {"le"} == set(metric.labels)


def test_the_page_lists_exactly_what_is_shown():
    page = (Path(__file__).parents[6] / "docs" / "telemetry.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(zaffre_\w+)` \| (\w+) \| ([^|]*) \|", page, re.MULTILINE)
    assert listed == [
        (catalogue.shown_name(metric), metric.kind, ", ".join(metric.labels) or "-")
        for metric in catalogue.METRICS
    ]


def test_labels_of_a_tally_are_bounded():
    found = tally.Tally()
    for number in range(3000):
        found.add((f"route {number}",), 0.1)
    counted = found.read()
    assert len(counted) <= 2001
    assert counted["other",].count == 1000
