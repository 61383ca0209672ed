"""Every metric that `/metrics` shows: its name, kind, labels and meaning. docs/telemetry.md lists exactly these."""

from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]


class Metric(NamedTuple):
    """Units are in the name: seconds, bytes, ratios from 0 to 1."""

    name: str
    kind: Kind
    labels: tuple[str, ...]
    meaning: str


_DEPLOYMENT = ("workspace", "endpoint", "deployment")
_INSTANCE = (*_DEPLOYMENT, "revision", "instance", "worker")

METRICS = (
    Metric("zaffre_requests", "counter", (*_DEPLOYMENT, "code"), "Answers to clients by code, the router's own included."),
    Metric("zaffre_request_duration_seconds", "histogram", _DEPLOYMENT, "Time from the router's first try to the whole answer; its sum is taken from the buckets."),
    Metric("zaffre_request_retries", "counter", _DEPLOYMENT, "Requests that were tried on another replica."),
    Metric("zaffre_requests_in_flight", "gauge", _DEPLOYMENT, "Requests that were let in and have no answer yet."),
    Metric("zaffre_requests_queued", "gauge", _DEPLOYMENT, "Those of them that wait, in the router or in a replica."),
    Metric("zaffre_queue_wait_seconds", "histogram", _DEPLOYMENT, "How long the oldest request of each call waited in its replica."),
    Metric("zaffre_call_duration_seconds", "histogram", _DEPLOYMENT, "Time of each call of the model or of run()."),
    Metric("zaffre_batch_size", "histogram", _DEPLOYMENT, "Requests that were scored in one call."),
    Metric("zaffre_instances", "gauge", _DEPLOYMENT, "Instances with a worker that runs."),
    Metric("zaffre_instance_up", "gauge", _INSTANCE, "1 while the worker answers its probe."),
    Metric("zaffre_instance_cpu_seconds", "counter", _INSTANCE, "Processor time of the worker and what it started."),
    Metric("zaffre_instance_memory_bytes", "gauge", _INSTANCE, "Memory of the worker and what it started."),
    Metric("zaffre_instance_restarts", "counter", _INSTANCE, "How often the worker was started again."),
    Metric("zaffre_instance_requests", "counter", _INSTANCE, "Requests that the worker has scored."),
    Metric("zaffre_router_up", "gauge", (), "1 while the router answers on its admin socket."),
    Metric("zaffre_router_refusals", "counter", ("workspace", "endpoint", "code"), "Answers of the router before a deployment was chosen; no endpoint is named where none exists."),
    Metric("zaffre_router_connections", "gauge", (), "Connections of clients to the router."),
    Metric("zaffre_machine_cpu_cores", "gauge", (), "Cores that the server may run on."),
    Metric("zaffre_machine_load_ratio", "gauge", (), "Processes that want to run (over a minute) per core."),
    Metric("zaffre_machine_memory_bytes", "gauge", ("state",), "Memory of the machine: total, available."),
    Metric("zaffre_machine_disk_bytes", "gauge", ("state",), "The disk that holds the home folder: total, free."),
    Metric("zaffre_machine_gpu_utilization_ratio", "gauge", ("gpu",), "How busy a GPU is, where nvidia-smi tells."),
    Metric("zaffre_machine_gpu_memory_bytes", "gauge", ("gpu", "state"), "Memory of a GPU: total, used."),
    Metric("zaffre_http_requests", "counter", ("method", "route", "code"), "Requests to the control plane."),
    Metric("zaffre_http_request_duration_seconds", "histogram", ("method", "route"), "Their time."),
    Metric("zaffre_operations", "gauge", ("kind", "state"), "Operations that the database knows."),
    Metric("zaffre_relay_pending_events", "gauge", (), "Events that subscribers were not told of yet."),
    Metric("zaffre_relay_lag_seconds", "gauge", (), "Age of the oldest of them."),
    Metric("zaffre_database_connections", "gauge", ("state",), "Connections of the pool: in_use, idle."),
    Metric("zaffre_database_writer_wait_seconds", "histogram", (), "Time until a write transaction got its turn."),
    Metric("zaffre_worker_step_duration_seconds", "histogram", ("worker", "outcome"), "Steps of the server's loops: reconciling, relaying, looking."),
)  # fmt: skip

BY_NAME = {metric.name: metric for metric in METRICS}


def shown_name(metric: Metric) -> str:
    """As Prometheus knows it: counters end in `_total`."""
    return f"{metric.name}_total" if metric.kind == "counter" else metric.name
