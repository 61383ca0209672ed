"""A load profile of a small model, by the command line: how long it takes, and whether what it recommends holds.

`seconds` counts from the command to its end, environment included (taken from uv's package cache where it is there).
`recommendation_holds`: the recommended size, run once more under its limits, did as well as when it was chosen.
`--cpu` and `--memory` bound what is tried, as the command's own options do.
"""

import argparse
import json
import random
import time

from benchmarks import measure, system
from benchmarks.serving import model

WORK = system.WORK / "profile"
ROWS = 100


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cpu")
    parser.add_argument("--memory")
    bounds = [
        word for name, value in vars(parser.parse_args()).items() if value for word in (f"--{name}", value)
    ]
    with system.System(WORK) as running:
        example = model.make(WORK / "model")
        running.create(
            "model", "model.yml", {"name": "iris", "type": "custom_model", "path": str(example.file)}
        )
        bodies = WORK / "bodies.jsonl"
        chosen = random.Random(0).choices(example.inputs, k=ROWS)
        bodies.write_text("\n".join(model.plain_body(row) for row in chosen), encoding="utf-8")
        began = time.monotonic()
        found = json.loads(
            running.zaffre(
                "model", "profile", "iris:1", "--data", str(bodies), "--name", "small", *bounds, "-o", "json"
            )
        )
        seconds = time.monotonic() - began
        properties = running.value("model", "show", "--name", "iris", "--version", "1")["properties"]
    for size in found["zaffre"]["sizes"]:
        measure.say(str(size))
    measure.report(
        {
            "seconds": round(seconds, 1),
            "recommendation_holds": bool(found["zaffre"]["recommendationHolds"]) and "error" not in found,
            "recommended_cpu": found.get("recommendedCpu"),
            "recommended_memory_gb": found.get("recommendedMemoryInGB"),
            "p99_ms": found["latencyPercentile99InMs"],
            "requests_per_second": found["measuredQueriesPerSecond"],
            "evidence_on_the_model": properties.get("zaffre.profile.recommendedCpu")
            == str(found.get("recommendedCpu")),
        }
    )


if __name__ == "__main__":
    main()
