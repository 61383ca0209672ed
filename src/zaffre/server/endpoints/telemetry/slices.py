"""What one deployment did within a span of time, in numbers that add up. Pure.

A source (a cluster of the router, a replica) only ever counts upwards from zero; `growth` is what it added between two
looks, whatever restarted in between. Growths of one span are a slice, slices of neighbouring spans add up to a window, and
every figure that people see is taken from the sum: so a percentile over an hour is one of all its requests, never a
mean of percentiles.

Names of counts: `code.200`, and `KIND.N` for bucket N of a histogram.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

Counts = Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Reading:
    """What a source has counted since it began; `epoch` changes when it begins anew."""

    epoch: str
    counts: Counts


@dataclasses.dataclass(frozen=True)
class Slice:
    """`added` are sums over the span, `peaks` the largest value that was seen in it."""

    seconds: float = 0.0
    added: Counts = dataclasses.field(default_factory=dict)
    peaks: Counts = dataclasses.field(default_factory=dict)

    def plus(self, other: "Slice") -> "Slice":
        """Both together, as of spans that lie side by side."""
        return Slice(
            self.seconds + other.seconds,
            total([self.added, other.added]),
            {
                name: max(self.peaks.get(name, 0), other.peaks.get(name, 0))
                for name in {**self.peaks, **other.peaks}
            },
        )

    def of(self, kind: str) -> dict[int, float]:
        """The counts `KIND.N`, by N."""
        prefix = f"{kind}."
        return {
            int(name[len(prefix) :]): count for name, count in self.added.items() if name.startswith(prefix)
        }


def growth(now: Reading, before: Reading | None) -> dict[str, float]:
    """What was counted since the look before; all of it when the source is new or began anew. Never below zero."""
    earlier = before.counts if before is not None and before.epoch == now.epoch else {}
    grown = {name: count - earlier.get(name, 0) for name, count in now.counts.items()}
    return {name: count for name, count in grown.items() if count > 0}


def total(parts: Iterable[Counts]) -> dict[str, float]:
    """Sums by name."""
    found: dict[str, float] = {}
    for part in parts:
        for name, count in part.items():
            found[name] = found.get(name, 0) + count
    return found


def merged(parts: Iterable[Slice]) -> Slice:
    """The window that slices make up."""
    whole = Slice()
    for part in parts:
        whole = whole.plus(part)
    return whole


def buckets(kind: str, counts: Sequence[float]) -> dict[str, float]:
    """Counts of a histogram under their names, without empty ones."""
    return {f"{kind}.{place}": count for place, count in enumerate(counts) if count}


def together(windows: Sequence[Slice]) -> Slice:
    """Deployments side by side: counts and peaks add up, time does not."""
    peaks = total(window.peaks for window in windows)
    seconds = max((window.seconds for window in windows), default=0.0)
    return Slice(seconds, total(window.added for window in windows), peaks)
