"""Malformed HTTP and JSON at the scoring port, directly and through the router; honest callers in between.

`make bench-fuzz`, or `python -m benchmarks.bench_fuzz --cases 100000 --seed 1`. Prints one JSON object as its last line:
`cases`, `wrong` (must be 0: no 5xx, no hang, no answer meant for another request, no hidden request scored behind the
router), `crashed` (must be 0), `honest_requests`, and the statuses that came back.
"""

import argparse
import json

from zaffre.testing import fuzzing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    print(json.dumps(fuzzing.fuzz(cases=wanted.cases, seed=wanted.seed)))  # the result


if __name__ == "__main__":
    main()
