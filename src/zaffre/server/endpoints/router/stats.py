"""What Envoy counts, read in one go over its admin pipe: requests under way, answers by code, time taken, by cluster.

Called by the reconciler for scaling and by whoever measures; one reading costs the router about a millisecond.
Counters only grow while one Envoy lives, and start at 0 with the next: `Cluster.since` gives what one span added.
Histograms are merged by Envoy once a second. Pure: `envoy.Envoy.stats` fetches the text.
"""

import dataclasses
import itertools
import re
import urllib.parse
from collections.abc import Iterable, Mapping

LATENCY_BOUNDS_MS = (
    1, 2, 3, 5, 7.5, 10, 15, 20, 30, 40, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000, 1500, 2000, 3000,
    5000, 7500, 10_000, 15_000, 20_000, 30_000, 60_000, 90_000, 180_000, 300_000,
)  # fmt: skip
"""The upper bounds that the router counts latency by."""

_NAMES = (
    "upstream_rq_(active|pending_active|total|completed|retry|timeout|pending_overflow|active_overflow"
    "|time|[1-5][0-9][0-9])|upstream_cx_(active|connect_fail)|membership_(healthy|total)"
)
REFUSALS = "rbac.policy."
"""What the names of counts of refusals contain. (Envoy does not find them by the prefix that they have.)"""
_FILTER = (
    f"^cluster[.]r[^.]*[.]({_NAMES})$|^http[.]scoring[.]downstream_(rq_(active|total|[1-5]xx)|cx_active)$"
    "|^http[.]scoring[.]rbac[.]policy[.].*[.](denied|shadow_allowed)$"
)
PATH = f"/stats?histogram_buckets=cumulative&filter={urllib.parse.quote(_FILTER)}"
"""What is asked of the admin pipe."""

_LINE = re.compile(r"(?:cluster\.(r[^.]*)|http\.scoring)\.(\w+): (.*)")
_BUCKET = re.compile(r"B([\d.e+]+)\(\d+,(\d+)\)")
_REFUSED = re.compile(
    r"http\.scoring\.rbac\.policy\.([^/]*)/([^/]*)/(\d{3})(/token)?\.(?:denied|shadow_allowed): (\d+)"
)
_CODE = re.compile(r"upstream_rq_([1-5]\d\d)")


@dataclasses.dataclass(frozen=True)
class Histogram:
    """How many took at most so long: `counts` are cumulative, one for each bound."""

    bounds: tuple[float, ...] = ()
    counts: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        """How many were measured."""
        return self.counts[-1] if self.counts else 0

    def since(self, earlier: "Histogram") -> "Histogram":
        """What was added after an earlier reading; all of it when Envoy started anew in between."""
        if earlier.bounds != self.bounds or earlier.count > self.count:
            return self
        counts = tuple(max(0, now - then) for now, then in zip(self.counts, earlier.counts, strict=True))
        return Histogram(self.bounds, counts)

    def plus(self, other: "Histogram") -> "Histogram":
        """Both together."""
        if not self.bounds or not other.bounds:
            return self if self.bounds else other
        added = tuple(one + two for one, two in zip(self.counts, other.counts, strict=True))
        return Histogram(self.bounds, added)

    def quantile(self, share: float) -> float | None:
        """The time that this share stayed below, with an even spread inside a bucket; None when nothing was measured."""
        rank = share * self.count
        low, below = 0.0, 0
        for bound, count in zip(self.bounds, self.counts, strict=True):
            if count > below and count >= rank:
                return low + (bound - low) * max(rank - below, 0) / (count - below)
            low, below = bound, count
        return self.bounds[-1] if self.count else None

    def mean(self) -> float | None:
        """About the mean: each counted in the middle of its bucket; None when nothing was measured."""
        if not self.count:
            return None
        lower = (0.0, *self.bounds)
        each = [now - then for then, now in itertools.pairwise((0, *self.counts))]
        total = sum(n * (low + high) / 2 for n, low, high in zip(each, lower, self.bounds, strict=False))
        return total / self.count


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The requests of one set of replicas. `active` and `pending` are so now; all others count since Envoy's start.

    `refused` never reached a replica, because too many were under way. `codes` are those of every answer, of Envoy's own too.
    """

    active: int = 0
    pending: int = 0
    total: int = 0
    completed: int = 0
    retried: int = 0
    timed_out: int = 0
    refused: int = 0
    connections: int = 0
    connect_failures: int = 0
    hosts: int = 0
    healthy_hosts: int = 0
    codes: Mapping[int, int] = dataclasses.field(default_factory=dict)
    latency_ms: Histogram = Histogram()

    @property
    def in_flight(self) -> int:
        """Requests that were let in and have no answer yet."""
        return self.active + self.pending

    def since(self, earlier: "Cluster") -> "Cluster":
        """The same with every counter counting from an earlier reading; from 0 when Envoy started anew in between."""
        if earlier.total > self.total or earlier.completed > self.completed:
            return self
        counters = ("total", "completed", "retried", "timed_out", "refused", "connect_failures")
        grown = {name: max(0, getattr(self, name) - getattr(earlier, name)) for name in counters}
        codes = {code: count - earlier.codes.get(code, 0) for code, count in self.codes.items()}
        return dataclasses.replace(
            self,
            **grown,
            codes={code: count for code, count in codes.items() if count > 0},
            latency_ms=self.latency_ms.since(earlier.latency_ms),
        )


@dataclasses.dataclass(frozen=True)
class Reading:
    """One look at the router. `classes` are answers to clients by hundreds of their code, of every endpoint together.

    `refused` are answers before a deployment was chosen, by workspace, endpoint (both empty: there is none) and code;
    `bad_tokens` of them had no good token, or none, where tokens open.
    """

    clusters: Mapping[str, Cluster] = dataclasses.field(default_factory=dict)
    requests: int = 0
    active: int = 0
    connections: int = 0
    classes: Mapping[int, int] = dataclasses.field(default_factory=dict)
    refused: Mapping[tuple[str, str, int], int] = dataclasses.field(default_factory=dict)
    bad_tokens: int = 0


def parse(text: str) -> Reading:
    """The answer to `PATH`; lines that are not understood are left out."""
    numbers: dict[str, dict[str, int]] = {}
    times: dict[str, Histogram] = {}
    front: dict[str, int] = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        cluster, name, value = match.groups()
        if value.isdigit():
            (numbers.setdefault(cluster, {}) if cluster else front)[name] = int(value)
        elif cluster and name == "upstream_rq_time":
            times[cluster] = _histogram(value)
    clusters = {name: _cluster(found, times.get(name, Histogram())) for name, found in numbers.items()}
    refusals = _REFUSED.findall(text)
    classes = {hundred: front.get(f"downstream_rq_{hundred}xx", 0) for hundred in range(1, 6)}
    return Reading(
        clusters=clusters,
        requests=front.get("downstream_rq_total", 0),
        active=front.get("downstream_rq_active", 0),
        connections=front.get("downstream_cx_active", 0),
        classes={hundred: count for hundred, count in classes.items() if count},
        refused=_refused(refusals),
        bad_tokens=sum(int(count) for *_, kind, count in refusals if kind),
    )


def _refused(found: Iterable[tuple[str, str, str, str, str]]) -> dict[tuple[str, str, int], int]:
    """An endpoint whose way to authenticate changed has counts of both kinds."""
    sums: dict[tuple[str, str, int], int] = {}
    for workspace, endpoint, code, _, count in found:
        key = (workspace, endpoint, int(code))
        sums[key] = sums.get(key, 0) + int(count)
    return sums


def _cluster(numbers: Mapping[str, int], latency: Histogram) -> Cluster:
    def requests(name: str) -> int:
        return numbers.get(f"upstream_rq_{name}", 0)

    codes = {int(match[1]): count for name, count in numbers.items() if (match := _CODE.fullmatch(name))}
    return Cluster(
        active=requests("active"),
        pending=requests("pending_active"),
        total=requests("total"),
        completed=requests("completed"),
        retried=requests("retry"),
        timed_out=requests("timeout"),
        refused=requests("pending_overflow") + requests("active_overflow"),
        connections=numbers.get("upstream_cx_active", 0),
        connect_failures=numbers.get("upstream_cx_connect_fail", 0),
        hosts=numbers.get("membership_total", 0),
        healthy_hosts=numbers.get("membership_healthy", 0),
        codes=codes,
        latency_ms=latency,
    )


def _histogram(text: str) -> Histogram:
    pairs = [(float(bound), int(count)) for bound, count in _BUCKET.findall(text)]
    return Histogram(tuple(bound for bound, _ in pairs), tuple(count for _, count in pairs))
