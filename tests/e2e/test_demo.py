"""The promise of the README: the whole story runs from nothing and no request fails."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(600)
def test_the_demo_tells_its_story_without_a_failed_request():
    done = subprocess.run(
        [sys.executable, "-m", "examples.demo"], cwd=ROOT, capture_output=True, text=True, timeout=580
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    total = re.search(r"^all +(\d+) +(\d+)$", done.stdout, re.MULTILINE)
    assert total, done.stdout[-4000:]
    assert int(total[1]) > 3000
    assert int(total[2]) == 0
    assert "endpoints/tumours/deployments/blue" in done.stderr, (
        "the refused deletion names who uses the model"
    )
    half = re.search(r"^50 % to green +\d+ +0 +(\d+) +(\d+)", done.stdout, re.MULTILINE)
    assert int(half[1]) > 100 < int(half[2])
    assert not (ROOT / ".demo").exists()
