"""Twice the sustainable load for a minute, open loop, with a model of 5 ms of processor, through router and replica.

`make bench-overload`, or `python -m benchmarks.bench_overload --seconds 60`. Prints one JSON object as its last line:
`served_vs_peak` (asked: at least 0.9), `recovery_s` (asked: at most 5), `refused_p99_ms` (429 within the queue wait),
`other_codes` (none). Load and server share the machine's cores; the load costs about 0.2 ms of processor a request.
"""

import argparse
import json
import tempfile
from pathlib import Path

from benchmarks import measure
from zaffre.testing import chaos, overload


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
        peak = overload.sustained(site, seconds=10)
        measure.say(f"peak: {peak:.1f} requests per second")
        found = overload.overload(site, peak=peak, seconds=wanted.seconds)
    print(json.dumps(found))  # the result


if __name__ == "__main__":
    main()
