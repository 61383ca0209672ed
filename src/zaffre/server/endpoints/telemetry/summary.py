"""The figures that people see, from the sum of slices. Pure; `service` reads the slices, `alerts` asks for single figures."""

from typing import Any

from zaffre.server.endpoints.router import answers
from zaffre.server.endpoints.telemetry import slices, spread

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}


def of(window: slices.Slice) -> dict[str, Any]:
    """Everything about a window."""
    codes = window.of("code")
    answered = sum(codes.values())
    failed = sum(count for code, count in codes.items() if answers.is_error(code))
    added, peaks = window.added, window.peaks
    return {
        "covered_s": round(window.seconds, 1),
        "requests": int(answered),
        "requests_per_minute": _rounded(_per(answered * 60, window.seconds)),
        "errors": int(failed),
        "error_rate": _rounded(_per(failed, answered), 6),
        "codes": {str(code): int(count) for code, count in sorted(codes.items())},
        "latency_ms": _times(latency(window)),
        "queue_wait_ms": _times(spread.Spread.of(spread.TIMES_MS, window.of("wait"))),
        "call_ms": _times(spread.Spread.of(spread.TIMES_MS, window.of("call"))),
        "batch_size": {
            "mean": _rounded(_per(added.get("scored", 0), added.get("calls", 0))),
            "p95": _rounded(spread.Spread.of(spread.SIZES, window.of("size")).quantile(0.95)),
        },
        "in_flight_peak": int(peaks.get("in_flight", 0)),
        "queued_peak": int(peaks.get("queued", 0)),
        "cpu_cores": _rounded(_per(added.get("cpu_s", 0), window.seconds)),
        "memory_bytes": {
            "mean": int(_per(added.get("memory_sum", 0), added.get("looks", 0)) or 0),
            "peak": int(peaks.get("memory_bytes", 0)),
        },
        "restarts": int(added.get("restarts", 0)),
    }


def latency(window: slices.Slice) -> spread.Spread:
    """How long the router waited for answers."""
    return spread.latency(window.of("latency"), window.of("replica"))


def _times(found: spread.Spread) -> dict[str, float | None]:
    named = {name: found.quantile(share) for name, share in _QUANTILES.items()}
    return {name: _rounded(value) for name, value in {"mean": found.mean(), **named}.items()}


def _per(amount: float, of_what: float) -> float | None:
    return amount / of_what if of_what else None


def _rounded(value: float | None, digits: int = 3) -> float | None:
    return None if value is None else round(value, digits)
