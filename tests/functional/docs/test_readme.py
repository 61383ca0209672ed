"""The README's lines run as they stand there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

GREEN = "{name: green, endpoint_name: diabetes, model: 'azureml:diabetes:1', instance_type: Standard_DS3_v2}"
ROOT = Path(__file__).parents[3]


def block(language):
    return re.search(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]


@pytest.fixture
def environment(tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZAFFRE_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ready = {**kept, "ZAFFRE_HOME": str(tmp_path / "home"), "PATH": path}
    yield ready
    subprocess.run(["zaffre", "server", "stop", "--all"], env=ready, check=True, capture_output=True)


def test_the_ten_lines_run(environment, tmp_path):
    script = "set -eu\n" + block("sh")
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^\[?\s*\d+\.\d+", done.stdout, re.MULTILINE), "the endpoint's answer is printed"
    (tmp_path / "green.yml").write_text(GREEN)
    then = subprocess.run(
        [sys.executable, "-c", block("python")],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert then.returncode == 0, then.stderr
    show = ["zaffre", "online-endpoint", "show", "-n", "diabetes", "--query", "traffic"]
    shares = subprocess.run(show, env=environment, capture_output=True, text=True, check=True)
    assert json.loads(shares.stdout) == {"blue": 90, "green": 10}


def test_the_readme_names_only_commands_that_exist():
    targets = set(re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text())) - {"bench"}
    makefile = (ROOT / "Makefile").read_text()
    benchmarks = {
        f"bench-{path.stem.removeprefix('bench_')}" for path in (ROOT / "benchmarks").glob("bench_*.py")
    }
    assert {target for target in targets if f"\n{target}:" not in makefile} <= benchmarks
