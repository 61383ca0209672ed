"""The figures of deployments and of the machine as Prometheus' families. Called by the route `/metrics`.

Names, labels and meanings come from `catalogue`; labels are names of things that exist, so their number is bounded.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence

from prometheus_client import metrics_core

from zaffre.core import tally
from zaffre.server.compute import machine
from zaffre.server.endpoints.router import stats
from zaffre.server.endpoints.telemetry import catalogue, looking, sampler, slices, spread

Family = metrics_core.Metric
Labels = Sequence[str]
_HISTOGRAMS = {
    "zaffre_request_duration_seconds": ("latency", spread.LATENCY_MS, 1000.0),
    "zaffre_queue_wait_seconds": ("wait", spread.TIMES_MS, 1000.0),
    "zaffre_call_duration_seconds": ("call", spread.TIMES_MS, 1000.0),
    "zaffre_batch_size": ("size", spread.SIZES, 1.0),
}
"""The kind of counts, their bounds, and how many of the bounds' units make one of the metric's."""


class Families:
    """The families of one answer, each made when its first value comes."""

    def __init__(self) -> None:
        self._made: dict[str, Family] = {}

    def collect(self) -> Iterator[Family]:
        """As a registry's collector."""
        return iter(self._made.values())

    def add(self, name: str, labels: Labels, value: float) -> None:
        """One value of a counter or gauge."""
        family = self._family(name)
        assert isinstance(family, metrics_core.CounterMetricFamily | metrics_core.GaugeMetricFamily)
        family.add_metric(labels, value)

    def histogram(
        self, name: str, labels: Labels, bounds: Iterable[float], counts: Iterable[float], total: float
    ) -> None:
        """One histogram; `counts` has one more than `bounds`, or as many."""
        family = self._family(name)
        assert isinstance(family, metrics_core.HistogramMetricFamily)
        sums = list(itertools.accumulate(counts))
        named = [(f"{bound:.6g}", count) for bound, count in zip(bounds, sums, strict=False)]
        family.add_metric(labels, [*named, ("+Inf", sums[-1])], total)

    def _family(self, name: str) -> Family:
        if name not in self._made:
            metric = catalogue.BY_NAME[name]
            kinds = {
                "counter": metrics_core.CounterMetricFamily,
                "gauge": metrics_core.GaugeMetricFamily,
                "histogram": metrics_core.HistogramMetricFamily,
            }
            self._made[name] = kinds[metric.kind](name, metric.meaning, labels=metric.labels)
        return self._made[name]


def deployments(found: Families, seen: sampler.Sampled) -> None:
    """Everything about deployments and their instances, as of the last look."""
    for key, totals in seen.totals.items():
        _counted(found, key, totals)
    sets: dict[sampler.Key, list[str]] = {}
    for set_id, key in seen.owners.items():
        sets.setdefault(key, []).append(set_id)
    for key, mine in sets.items():
        now = sampler.present(seen.look, mine)
        found.add("zaffre_requests_in_flight", key, now["in_flight"])
        found.add("zaffre_requests_queued", key, now["queued"])
        found.add("zaffre_instances", key, now["instances"])
    for item in seen.look.instances:
        if item.slot.replicas in seen.owners:
            _instance(found, seen.owners[item.slot.replicas], item)
    found.add("zaffre_router_up", (), float(seen.look.router is not None))
    if seen.look.router is not None:
        _router(found, seen.look.router)


def _router(found: Families, router: stats.Reading) -> None:
    for (workspace, endpoint, code), count in sorted(router.refused.items()):
        found.add("zaffre_router_refusals", (workspace, endpoint, str(code)), count)
    found.add("zaffre_router_connections", (), router.connections)


def _counted(found: Families, key: sampler.Key, totals: slices.Counts) -> None:
    whole = slices.Slice(0.0, totals)
    for code, count in sorted(whole.of("code").items()):
        found.add("zaffre_requests", (*key, str(code)), count)
    found.add("zaffre_request_retries", key, totals.get("retried", 0))
    for name, (kind, bounds, units) in _HISTOGRAMS.items():
        spreading = spread.Spread.of(bounds, whole.of(kind))
        shown, counts = _coarse([bound / units for bound in bounds], spreading.counts)
        total = (spreading.mean() or 0.0) * spreading.count / units
        found.histogram(name, key, shown, counts, total)


def _coarse(bounds: list[float], counts: Sequence[float]) -> tuple[list[float], list[float]]:
    """Every fourth bucket of a fine histogram: Prometheus keeps a series for each."""
    if len(bounds) <= 40:
        return bounds, list(counts)
    groups = range(3, len(bounds), 4)
    return [bounds[place] for place in groups], [sum(counts[place - 3 : place + 1]) for place in groups]


def _instance(found: Families, key: sampler.Key, item: looking.Instance) -> None:
    labels = (*key, item.slot.replicas, str(item.slot.instance), str(item.slot.worker))
    found.add("zaffre_instance_up", labels, float(item.up))
    found.add("zaffre_instance_cpu_seconds", labels, item.cpu_s)
    found.add("zaffre_instance_memory_bytes", labels, item.memory_bytes)
    found.add("zaffre_instance_restarts", labels, item.restarts)
    found.add("zaffre_instance_requests", labels, item.scored)


def of_machine(found: Families, figures: machine.Figures) -> None:
    """The machine now."""
    found.add("zaffre_machine_cpu_cores", (), figures.cpu_cores)
    found.add("zaffre_machine_load_ratio", (), figures.load / figures.cpu_cores)
    found.add("zaffre_machine_memory_bytes", ("total",), figures.memory_bytes)
    found.add("zaffre_machine_memory_bytes", ("available",), figures.available_bytes)
    found.add("zaffre_machine_disk_bytes", ("total",), figures.disk_bytes)
    found.add("zaffre_machine_disk_bytes", ("free",), figures.free_bytes)
    for gpu in figures.gpus:
        found.add("zaffre_machine_gpu_utilization_ratio", (gpu.id,), gpu.utilization)
        found.add("zaffre_machine_gpu_memory_bytes", (gpu.id, "total"), gpu.memory_bytes)
        found.add("zaffre_machine_gpu_memory_bytes", (gpu.id, "used"), gpu.used_bytes)


def times(found: Families, name: str, measured: Mapping[tuple[str, ...], tally.Times]) -> None:
    """A tally as a histogram."""
    for labels, item in sorted(measured.items()):
        found.histogram(name, labels, tally.BOUNDS_S, item.counts, item.total_s)
