"""`show --metrics`: a thing together with what it did lately; in a table its few most asked figures on one line."""

from typing import Any

from zaffre.cli import grammar, output

METRICS = grammar.option(
    "--metrics", takes="none", help="With requests, latency percentiles and error rate of the last hour."
)
WINDOW = grammar.option("--window", help="The span that --metrics tells of: 15m, 1h; default 1h.")
DEFAULT_WINDOW = "1h"


def shown(thing: Any, metrics: dict[str, Any], given: grammar.Given) -> dict[str, Any]:
    """What to print."""
    body: dict[str, Any] = output.plain(thing)
    if given.output != "table" or given.query:
        return {**body, "metrics": metrics}
    states: dict[str, Any] = {
        key: body[key] for key in ("name", "provisioning_state", "service_state") if key in body
    }
    latency = metrics["latency_ms"]
    figures = ("requests", "requests_per_minute", "error_rate", "in_flight_peak", "cpu_cores", "restarts")
    return {
        **states,
        **{name: metrics[name] for name in figures},
        **{f"{name}_ms": latency[name] for name in ("p50", "p95", "p99")},
        "memory_mib": round(metrics["memory_bytes"]["peak"] / (1 << 20)),
    }
