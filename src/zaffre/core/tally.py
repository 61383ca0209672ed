"""Counts and times that one process keeps of itself: by labels, bounded, cheap, read by whoever shows them.

The control plane's rooms count here what they alone see; `server.endpoints.telemetry.exposition` shows it.
"""

import bisect
import dataclasses
import threading

BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_MOST_LABELS = 2000

Labels = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Times:
    """`counts[i]` took at most `BOUNDS_S[i]`, the last more than all of them."""

    counts: tuple[int, ...]
    total_s: float

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.counts)

    def plus(self, other: "Times") -> "Times":
        """Both together."""
        counts = tuple(one + two for one, two in zip(self.counts, other.counts, strict=True))
        return Times(counts, self.total_s + other.total_s)


class Tally:
    """How often, and how long, by labels. Threads share it. Labels beyond a bound are counted as one, named `other`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[Labels, tuple[list[int], list[float]]] = {}

    def add(self, labels: Labels, seconds: float) -> None:
        """One more that took so long."""
        place = bisect.bisect_left(BOUNDS_S, seconds)
        with self._lock:
            if labels not in self._found and len(self._found) >= _MOST_LABELS:
                labels = ("other",) * len(labels)
            counts, total = self._found.setdefault(labels, ([0] * (len(BOUNDS_S) + 1), [0.0]))
            counts[place] += 1
            total[0] += seconds

    def read(self) -> dict[Labels, Times]:
        """What was counted since this process began."""
        with self._lock:
            return {key: Times(tuple(counts), total[0]) for key, (counts, total) in self._found.items()}


REQUESTS = Tally()
"""Requests to the control plane of this process, by method, route and code."""
STEPS = Tally()
"""Steps of this process's loops, by loop and outcome (ok, failed)."""
WRITER_WAITS = Tally()
"""Waits of write transactions for their turn."""
