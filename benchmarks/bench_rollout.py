"""Every fault of `zaffre.testing.faults`, again and again, under a load whose answers are all checked.

`make bench-rollout`, or `python -m benchmarks.bench_rollout --requests 100000 --rate 300`. Prints one JSON object as its
last line: `requests`, `failed` (must be 0), `in_flight_at_router_death` (apart: nobody could save them), `slowest_s` (how
long a request was held at most), `router_gap_s` (how long nobody listened after the router's death, at most), and the
same for each fault. `make bench-faults` beside it kills the control plane in the middle of random work.
"""

import argparse
import json
import time
from typing import Any

from benchmarks import measure
from zaffre.testing import faults


def run(place: faults.Place, name: str, fault: faults.Fault, rate: float) -> dict[str, Any]:
    """One fault under load."""
    began = time.monotonic()
    with place.site.load(rate) as load:
        load.await_answers(int(rate))
        fault(place, load)
        load.await_answers(int(rate))
    found = {
        "requests": load.sent,
        "failed": len(load.failures),
        "in_flight_at_router_death": len(load.excused),
        "slowest_s": round(load.slowest_s, 2),
        "seconds": round(time.monotonic() - began, 1),
    }
    measure.say(f"{name}: {found} {load.failures[:3]}")
    return found


def merged(rows: list[tuple[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Sums, and the slowest, by fault."""
    found: dict[str, dict[str, Any]] = {}
    for name, row in rows:
        known = found.setdefault(name, dict.fromkeys(row, 0))
        for key, value in row.items():
            known[key] = max(known[key], value) if key == "slowest_s" else round(known[key] + value, 1)
    return found


def storm(*, requests: int, rate: float) -> dict[str, Any]:
    """Rounds over all faults until so many requests were sent; then the certificate, at a router with TLS."""
    rows: list[tuple[str, dict[str, Any]]] = []
    skipped = {name: faults.obstacle(name) for name in faults.ALL if faults.obstacle(name)}
    with faults.start() as place:
        while sum(row["requests"] for _, row in rows) < requests:
            for name, fault in faults.ALL.items():
                if name not in skipped:
                    rows.append((name, run(place, name, fault, rate)))
        gaps = place.death_gaps_s
    with faults.start(encrypted=True) as place:
        for name, fault in faults.ENCRYPTED.items():
            rows.append((name, run(place, name, fault, rate)))
    by_fault = merged(rows)
    total = {
        key: sum(row[key] for row in by_fault.values())
        for key in ("requests", "failed", "in_flight_at_router_death")
    }
    return {
        "requests": total["requests"],
        "failed": total["failed"],
        "in_flight_at_router_death": total["in_flight_at_router_death"],
        "rate": rate,
        "slowest_s": max(row["slowest_s"] for row in by_fault.values()),
        "router_gap_s": round(max(gaps), 3),
        "faults": by_fault,
        "skipped": skipped,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=300)
    wanted = parser.parse_args()
    print(json.dumps(storm(requests=wanted.requests, rate=wanted.rate)))  # the result


if __name__ == "__main__":
    main()
