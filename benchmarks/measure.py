"""What all benchmarks share: medians, and the last line with the figures. Called by every benchmarks.bench_*."""

import json
import statistics
from collections.abc import Iterable, Mapping


def median(values: Iterable[float]) -> float:
    return statistics.median(values)


def report(figures: Mapping[str, object]) -> None:
    """Print the figures as one JSON object: by agreement the last line of every benchmark."""
    print(json.dumps(figures), flush=True)
