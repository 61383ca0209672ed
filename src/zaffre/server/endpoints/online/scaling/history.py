"""What was measured of one deployment lately, and what a rule's condition reads from it. Pure; times are monotonic seconds.

Nothing of it outlives the server: after a start every window is empty, and a rule whose window is not full decides nothing.
"""

import collections
import dataclasses
import math
from collections.abc import Mapping

from zaffre.contracts import scaling_rules
from zaffre.server.endpoints.router import stats

_MOST_GAP_S = 10.0
_SLACK_S = 0.5
_QUANTILES = {"latency_p50": 0.5, "latency_p90": 0.9, "latency_p95": 0.95, "latency_p99": 0.99}


@dataclasses.dataclass(frozen=True)
class Sample:
    """One look. `requests` and `latency_ms` count what ended since the look before; per cent where known.

    `answers` are those to clients since then, of every deployment of the endpoint, by its name and their code; `deployment` is
    the name of the one that this is of.
    """

    at: float
    in_flight: int = 0
    requests: int = 0
    latency_ms: stats.Histogram = dataclasses.field(default_factory=stats.Histogram)
    cpu: float | None = None
    memory: float | None = None
    deployment: str = ""
    answers: Mapping[tuple[str, int], float] = dataclasses.field(default_factory=dict)

    def counted(self, condition: scaling_rules.Condition) -> float:
        """The requests that a condition counts."""
        if not (condition.by_deployment or condition.by_code):
            return float(self.requests)
        return sum(
            count
            for (name, code), count in self.answers.items()
            if (condition.by_deployment or name == self.deployment) and condition.counts(name, code)
        )


class History:
    """The samples of the last while. A long gap between two looks begins it anew."""

    def __init__(self, keep_s: float, poll_s: float) -> None:
        self._keep_s = keep_s
        self._gap_s = max(_MOST_GAP_S, 5 * poll_s)
        self._samples: collections.deque[Sample] = collections.deque()
        self.quiet_since = math.inf

    def add(self, sample: Sample) -> None:
        """Take one more look into account."""
        if self._samples and sample.at - self._samples[-1].at > self._gap_s:
            self._samples.clear()
            self.quiet_since = math.inf
        if sample.in_flight or sample.requests:
            self.quiet_since = math.inf
        elif math.isinf(self.quiet_since):
            self.quiet_since = sample.at
        self._samples.append(sample)
        while len(self._samples) > 1 and self._samples[1].at <= sample.at - self._keep_s:
            self._samples.popleft()

    def newest(self) -> Sample | None:
        """The last look."""
        return self._samples[-1] if self._samples else None

    def window(self, length_s: float) -> list[Sample] | None:
        """The looks of the last `length_s` seconds, or None when they do not reach back so far."""
        newest = self.newest()
        if newest is None or self._samples[0].at > newest.at - length_s + _SLACK_S:
            return None
        return [sample for sample in self._samples if sample.at > newest.at - length_s]

    def value(self, condition: scaling_rules.Condition) -> float | None:
        """What the condition compares; None when its window is not full, or nothing was measured in it."""
        window = self.window(condition.window_s)
        if not window:
            return None
        if condition.aggregation in ("total", "count"):
            return sum(sample.counted(condition) for sample in window)
        if condition.aggregation == "avg":
            return _whole(condition, window)
        each = [value for sample in window if (value := _single(condition, sample)) is not None]
        if not each:
            return None
        return min(each) if condition.aggregation == "min" else max(each)


def _whole(condition: scaling_rules.Condition, window: list[Sample]) -> float | None:
    """The average over the window: of requests, each counts alike; of what is sampled, each look does."""
    if condition.metric == "rpm":
        return sum(sample.counted(condition) for sample in window) * 60 / condition.window_s
    if condition.metric.startswith("latency"):
        together = stats.Histogram()
        for sample in window:
            together = together.plus(sample.latency_ms)
        return _latency(condition, together)
    each = [value for sample in window if (value := _single(condition, sample)) is not None]
    return sum(each) / len(each) if each else None


def _single(condition: scaling_rules.Condition, sample: Sample) -> float | None:
    match condition.metric:
        case "cpu":
            return sample.cpu
        case "memory":
            return sample.memory
        case "rpm":
            return sample.counted(condition)
        case _:
            return _latency(condition, sample.latency_ms)


def _latency(condition: scaling_rules.Condition, measured: stats.Histogram) -> float | None:
    share = _QUANTILES.get(condition.metric)
    return measured.mean() if share is None else measured.quantile(share)
