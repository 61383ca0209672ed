"""The benchmark of tensors runs, in its shortest form: two sizes, every answer looked at, no ratio asserted."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_a_short_run_has_every_figure():
    command = [sys.executable, "-m", "benchmarks.bench_tensors", "--sizes", "1", "32", "--seconds", "0.01"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    kinds = ("binary_ms", "binary_vs_json", "binary_vs_body", "array_vs_through_a_body")
    asked = {f"{name}_{kind}_{size}" for name in ("sklearn", "onnx") for kind in kinds for size in (1, 32)}
    assert asked <= set(told)
    assert min(told[figure] for figure in asked) > 0
