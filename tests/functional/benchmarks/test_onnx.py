"""The benchmark of conversions runs, in its shortest form: two models, every figure there, no ratio asserted."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_a_short_run_has_every_figure():
    command = [sys.executable, "-m", "benchmarks.bench_onnx", "--only", "ridge", "decision tree"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert (told["models"], told["refused"]) == (2, [])
    assert min(told["median_speedup_1"], told["median_speedup_1000"]) > 0
