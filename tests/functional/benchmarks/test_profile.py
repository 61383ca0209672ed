"""The benchmark of profiles runs, in its shortest form: the smallest size alone, every figure there, no time asserted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


def test_a_short_run_has_every_figure():
    command = [sys.executable, "-m", "benchmarks.bench_profile", "--cpu", "0.1", "--memory", "0.5"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    if "this machine sets none" in done.stdout + done.stderr:
        pytest.skip("control groups may not be written here")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    figures = {"seconds", "recommendation_holds", "recommended_cpu", "recommended_memory_gb", "p99_ms"}
    assert figures | {"requests_per_second", "evidence_on_the_model"} == set(told)
    assert min(told[name] for name in ("seconds", "p99_ms", "requests_per_second")) > 0
    assert isinstance(told["recommendation_holds"], bool)
