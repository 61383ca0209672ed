"""Twice the sustainable load for a minute, open loop, with a model of 5 ms of processor, through router and replica.

`make bench-overload`, or `python -m benchmarks.bench_overload --seconds 60`. Prints one JSON object as its last line:
`served_vs_peak` (asked: at least 0.9), `recovery_s` (asked: at most 5), `refused_p99_ms` (429 within the queue wait),
`other_codes` (none). Peak and overload are measured with the same client and in the same places, as in bench_serving: the
replica on core 0, load, router and control plane on core 1, so that neither the load's own work (about 0.6 ms of processor a
request) nor the router's is taken from the replica in one phase and not in the other. `replica_core_share` says whether the
replica had its core: where it is below that of the peak by more than a few hundredths, something else ran on the machine.
"""

import argparse
import json
import os
import tempfile
from pathlib import Path

from benchmarks import measure
from benchmarks.serving import processes
from zaffre.testing import chaos, overload

REPLICA, OTHERS = 0, 1  # cores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    wanted = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="zaffre-overload-") as home,
        measure.zaffre_server(Path(home)) as server,
    ):
        site = chaos.Site(server)
        overload.serve(site)
        place(site)
        peak = overload.sustained(site, seconds=10)
        measure.say(f"peak: {peak.rps:.1f} requests per second")
        found = overload.overload(site, peak=peak, seconds=wanted.seconds)
    print(json.dumps(found))  # the result


def place(site: chaos.Site) -> None:
    """Every process on its core, this one too. With a single core there is nothing to place."""
    if (os.cpu_count() or 1) == 1:
        return
    replica = overload.replica(site)
    for pid in {*site.replicas().values(), site.server.pid, os.getpid()} - {replica}:
        processes.pin(pid, OTHERS)
    processes.pin(replica, REPLICA)


if __name__ == "__main__":
    main()
