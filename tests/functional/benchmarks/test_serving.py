"""The serving benchmark runs, in its shortest form: ours alone, no ratio asserted, no request failed."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(not shutil.which("wrk"), reason="the load comes from wrk")
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="it needs two cores")
def test_a_short_run_fails_no_request():
    command = [sys.executable, "-m", "benchmarks.bench_serving", "--only", "zaffre", "--rounds", "1"]
    done = subprocess.run(
        [*command, "--seconds", "1", "--variants", "empty", "rows32"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["failed"] == 0
    assert min(told[f"zaffre_{name}32"]["rps"] for name in ("", "empty_", "rows32_")) > 0
    assert {"vs_empty_model", "p50_one_connection_ms", "zaffre_one_core_32"} <= set(told)
