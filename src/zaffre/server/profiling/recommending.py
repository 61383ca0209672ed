"""The rule of the recommendation, and the figures of one run: numbers in, numbers out. Pure; `docs/profile.md` publishes it."""

import dataclasses
import math
from collections.abc import Sequence

GRID = (0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5)
GB = 1 << 30
NEAR, NEAR_MS = 1.1, 2.0
"""A p99 within 10 per cent of the next larger size's, or within 2 ms, counts as no worse."""
SPARE_MEMORY = 1.2
MOST_RATE = 100.0
SHARE_OF_ONE_CLIENT = 0.5
_PERCENTILES = {"50": 50.0, "90": 90.0, "95": 95.0, "99": 99.0, "999": 99.9}


@dataclasses.dataclass(frozen=True)
class Run:
    """One size under load. `problem` says why it could not be measured, and then nothing else counts."""

    cpu: float
    memory_in_gb: float
    problem: str = ""
    latencies_ms: tuple[float, ...] = ()
    sent: int = 0
    seconds: float = 0.0
    max_cpu: float = 0.0
    max_memory_bytes: int = 0
    start_s: float = 0.0
    last_lines: tuple[str, ...] = ()

    @property
    def success_rate(self) -> float:
        """The share of requests that were answered with 200."""
        return len(self.latencies_ms) / self.sent if self.sent else 0.0

    def percentile(self, share: float) -> float:
        """Nearest rank over the successful requests; endless when there is none."""
        if not self.latencies_ms:
            return math.inf
        ranked = sorted(self.latencies_ms)
        return ranked[max(math.ceil(share / 100 * len(ranked)), 1) - 1]

    def document(self) -> dict[str, float | int | str]:
        """Its figures by the names of the profile's output."""
        if self.problem:
            return {"cpu": self.cpu, "memoryInGB": self.memory_in_gb, "error": self.problem}
        figures: dict[str, float | int | str] = {
            "cpu": self.cpu,
            "memoryInGB": self.memory_in_gb,
            "startSeconds": round(self.start_s, 2),
            "maxUtilizedCpu": round(self.max_cpu, 3),
            "maxUtilizedMemoryInGB": round(self.max_memory_bytes / GB, 3),
            "totalQueries": self.sent,
            "successQueries": len(self.latencies_ms),
            "successRate": round(self.success_rate, 6),
        }
        if self.latencies_ms:
            figures["averageLatencyInMs"] = round(sum(self.latencies_ms) / len(self.latencies_ms), 3)
            for name, share in _PERCENTILES.items():
                figures[f"latencyPercentile{name}InMs"] = round(self.percentile(share), 3)
        figures["measuredQueriesPerSecond"] = (
            round(len(self.latencies_ms) / self.seconds, 3) if self.seconds else 0.0
        )
        return figures


def sizes(largest: float) -> list[float]:
    """The cores that are tried, in rising order; the last is the largest that was asked for."""
    return [*(size for size in GRID if size < largest), largest]


def rate(mean_latency_ms: float) -> float:
    """Requests a second when nobody says: half of what one client gets who waits for each answer, at most 100."""
    return max(min(SHARE_OF_ONE_CLIENT * 1000 / max(mean_latency_ms, 0.001), MOST_RATE), 0.5)


def suffices(run: Run, larger: Run | None, *, latency_ms: float | None) -> bool:
    """Whether a size is enough: every answer is right, and its p99 meets the target, or is as good as the next size's."""
    if run.problem or run.success_rate < 1:
        return False
    if latency_ms is not None:
        return run.percentile(99) <= latency_ms
    if larger is None:
        return True
    return run.percentile(99) <= max(larger.percentile(99) * NEAR, larger.percentile(99) + NEAR_MS)


def decided(runs: Sequence[Run], *, latency_ms: float | None, complete: bool) -> Run | None:
    """The smallest size that suffices among those that were tried; None while the next size must be tried.

    Without a target a size is judged by the next larger one, so that the newest cannot be judged before `complete`.
    """
    for number, run in enumerate(runs):
        larger = runs[number + 1] if number + 1 < len(runs) else None
        if larger is None and not complete and latency_ms is None:
            return None
        if suffices(run, larger, latency_ms=latency_ms):
            return run
    return None


def memory_in_gb(runs: Sequence[Run]) -> float:
    """What was used at most, loading included, with a fifth to spare, rounded up to a tenth of a GB."""
    used = max((run.max_memory_bytes for run in runs), default=0)
    return max(math.ceil(round(used / GB * SPARE_MEMORY * 10, 6)) / 10, 0.1)
