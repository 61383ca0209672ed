"""CPU time and memory of real processes."""

import os
import subprocess
import sys

import pytest

from zaffre.server.compute import usage
from zaffre.testing import waiting

PARENT = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE)
print("started", flush=True)
sys.stdin.read()
child.communicate()
sys.stdin.close()
print("ended", flush=True)
import time
time.sleep(60)
"""
CHILD = "import sys\nheld = b'x' * (60 << 20)\nfor _ in range(3_000_000): pass\nsys.stdin.read()"


@pytest.fixture
def parent():
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def test_children_count_while_they_live_and_their_time_after_it(parent):
    assert parent.stdout.readline() == "started\n"
    waiting.until(lambda: usage.read([parent.pid])[parent.pid].memory_bytes > 60 << 20)
    with_child = usage.read([parent.pid])[parent.pid]
    assert with_child.processes == 2

    parent.stdin.close()
    parent.stdin = None
    assert parent.stdout.readline() == "ended\n"
    alone = usage.read([parent.pid])[parent.pid]
    assert alone.processes == 1
    assert alone.memory_bytes < 60 << 20
    assert alone.cpu_s >= with_child.cpu_s > 0


def test_nobody_and_somebody_who_is_gone():
    assert usage.read([]) == {}
    assert list(usage.read([os.getpid(), 2**22 + 1])) == [os.getpid()]


def test_a_name_with_brackets(tmp_path):
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "stat").write_text("7 (a ) b) S 1 " + "0 " * 9 + "100 50 25 25 " + "0 " * 20)
    (tmp_path / "7" / "statm").write_text("100 10 4 0 0 0 0")
    found = usage.read([7], tmp_path)[7]
    assert found.cpu_s == 200 / os.sysconf("SC_CLK_TCK")
    assert found.memory_bytes == 10 * os.sysconf("SC_PAGE_SIZE")
