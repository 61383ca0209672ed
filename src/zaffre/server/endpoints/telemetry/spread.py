"""Histograms with fixed bounds: quantiles, means, and the marriage of coarse and fine ones. Pure.

The router counts whole milliseconds, and most answers take less than one: below that, the replicas' own finer buckets
say how the router's requests are spread.
"""

import bisect
import dataclasses
from collections.abc import Mapping, Sequence

from zaffre.server.endpoints.router import stats
from zaffre_runtime.scoring import meter

LATENCY_MS: tuple[float, ...] = tuple(map(float, stats.LATENCY_BOUNDS_MS))
"""Upper bounds of the router's buckets."""
TIMES_MS: tuple[float, ...] = tuple(
    1000.0 * 2.0 ** ((place + 1 - meter.FIRST) / meter.STEPS) for place in range(meter.BUCKETS)
)
"""Upper bounds of the replicas' buckets of times."""
SIZES: tuple[float, ...] = tuple(float(size) for size in range(meter.BUCKETS))
"""Their buckets of calls by number of requests."""
_FINE_BELOW_MS = 1.0


@dataclasses.dataclass(frozen=True)
class Spread:
    """`counts[i]` lie above `bounds[i - 1]` and at most at `bounds[i]`; what lies above them all is in the last."""

    bounds: tuple[float, ...]
    counts: tuple[float, ...]

    @classmethod
    def of(cls, bounds: Sequence[float], found: Mapping[int, float]) -> "Spread":
        """From counts by bucket; those of buckets that are not there are left out."""
        counts = [0.0] * len(bounds)
        for place, count in found.items():
            if 0 <= place <= len(bounds):
                counts[min(place, len(bounds) - 1)] += count
        return cls(tuple(bounds), tuple(counts))

    @property
    def count(self) -> float:
        """How many were measured."""
        return sum(self.counts)

    def quantile(self, share: float) -> float | None:
        """What this share lies at or below, evenly spread inside a bucket; None when nothing was measured."""
        whole = self.count
        if not whole:
            return None
        rank, below, low = share * whole, 0.0, 0.0
        last = max(place for place, count in enumerate(self.counts) if count)
        for place, count in enumerate(self.counts):
            if count and (below + count >= rank or place == last):
                return low + (self.bounds[place] - low) * min(max(rank - below, 0.0) / count, 1.0)
            below, low = below + count, self.bounds[place]
        return None

    def mean(self) -> float | None:
        """About the mean: each counts as the middle of its bucket."""
        if not self.count:
            return None
        lows = (0.0, *self.bounds)
        weighed = sum(
            count * (low + high) / 2 for count, low, high in zip(self.counts, lows, self.bounds, strict=False)
        )
        return weighed / self.count

    def at_most(self, bound: float) -> float:
        """How many lie at or below a bound, evenly spread inside a bucket."""
        place = bisect.bisect_left(self.bounds, bound)
        whole = sum(self.counts[:place])
        if place >= len(self.bounds):
            return whole
        low = self.bounds[place - 1] if place else 0.0
        return whole + self.counts[place] * (bound - low) / (self.bounds[place] - low)


def latency(router: Mapping[int, float], replicas: Mapping[int, float]) -> Spread:
    """The router's latency, with its first millisecond divided as the replicas' own times are."""
    coarse = Spread.of(LATENCY_MS, router)
    fine = Spread.of(TIMES_MS, replicas)
    inner = [bound for bound in TIMES_MS if 0.01 <= bound < _FINE_BELOW_MS]
    known = fine.at_most(_FINE_BELOW_MS)
    if not known or not coarse.counts[0]:
        return coarse
    steps = [fine.at_most(bound) for bound in inner] + [known]
    below = [0.0, *steps]
    first = coarse.counts[0]
    divided = [first * (step - before) / known for before, step in zip(below, steps, strict=False)]
    return Spread((*inner, *coarse.bounds), (*divided, *coarse.counts[1:]))
