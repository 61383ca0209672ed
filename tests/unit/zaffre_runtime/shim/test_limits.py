"""Control groups of both versions: on the real hierarchies of this machine where it has them, and on folders like them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zaffre_runtime.shim import limits

WANTED = {"cpu_cores": 0.5, "memory_bytes": 64 << 20}
V2_ROOTS = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified")


@pytest.fixture
def tree(tmp_path):
    """A function that makes folders that look like version 2: each path with its controllers, and what it passes on."""

    def make(**groups):
        for path, (controllers, passed_on) in groups.items():
            folder = tmp_path / path.replace("root", ".").replace("__", "/")
            (folder / "ours").mkdir(parents=True, exist_ok=True)
            (folder / "cgroup.controllers").write_text(controllers)
            (folder / "cgroup.subtree_control").write_text(passed_on)
            for name in ("cpu.max", "memory.max", "cgroup.procs", "memory.events"):
                (folder / "ours" / name).write_text("oom_kill 3\n" if name == "memory.events" else "")
        own = tmp_path / "own"
        own.write_text("0::/a/b\n")
        return str(tmp_path), str(own)

    return make


def test_version_2_below_our_own_group(tree, tmp_path):
    root, own = tree(
        root=("cpu memory", "cpu memory"), a=("cpu memory", "cpu memory"), a__b=("cpu memory", "cpu")
    )
    group = limits.ControlGroup("ours", WANTED, root, own)
    assert (group.enforced, group.reason) == (True, "")
    assert (tmp_path / "a/b/ours/cpu.max").read_text() == "50000 100000"
    assert (tmp_path / "a/b/ours/memory.max").read_text() == str(64 << 20)
    assert "+memory" in (tmp_path / "a/b/cgroup.subtree_control").read_text()
    group.join()
    assert (tmp_path / "a/b/ours/cgroup.procs").read_text() == "0"
    assert group.out_of_memory_kills() == 3


def test_version_2_beside_our_own_group_when_that_one_cannot_pass_on(tree, tmp_path):
    root, own = tree(
        root=("cpu memory", "cpu memory"), a=("cpu memory", "cpu memory"), a__b=("cpu memory", "")
    )
    (tmp_path / "a/b/cgroup.subtree_control").unlink()
    group = limits.ControlGroup("ours", WANTED, root, own)
    assert group.enforced
    assert group.folders == [f"{root}/a/ours"]


def test_what_does_not_hold_is_named(tree):
    root, own = tree(root=("cpu", "cpu"), a=("cpu", "cpu"), a__b=("cpu", "cpu"))
    group = limits.ControlGroup("ours", WANTED, root, own)
    assert not group.enforced
    assert group.folders == [f"{root}/a/b/ours"]
    assert group.reason == "the memory limit is not enforced: the kernel offers no memory controller here"
    nothing = limits.ControlGroup("ours", {"cpu_cores": None}, root, own)
    assert (nothing.enforced, nothing.reason) == (False, "no limits are set")
    assert "not enforced" in limits.ControlGroup("ours", WANTED, root, "/nowhere").reason


def busy(group, code):
    """Run Python inside the groups; returns how it ended."""
    return subprocess.run(
        [sys.executable, "-c", code], preexec_fn=group.join, capture_output=True, check=False
    )


@pytest.fixture
def real():
    """A function that makes real groups, and takes them away afterwards."""
    made = []

    def make(root, wanted):
        made.append(limits.ControlGroup(f"zaffre-test-{os.getpid()}", wanted, root))
        return made[-1]

    yield make
    for group in made:
        folders = list(group.folders)
        group.remove()
        assert not [folder for folder in folders if Path(folder).exists()]


@pytest.mark.parametrize("root", V2_ROOTS)
def test_a_real_version_2(real, root):
    offered = Path(root, "cgroup.controllers")
    if not offered.exists():
        pytest.skip(f"no hierarchy of version 2 at {root}")
    group = real(root, WANTED)
    for controller in ("cpu", "memory"):
        assert (controller in group.reason) == (controller not in offered.read_text().split()), group.reason
    if group.enforced:
        assert busy(group, "x = b'x' * (200 << 20)").returncode == -9
        assert group.out_of_memory_kills() == 1


def test_real_limits_stop_a_process(real):
    group = real("/sys/fs/cgroup", WANTED)
    if not group.enforced:
        pytest.skip(group.reason)
    assert busy(group, "pass").returncode == 0
    assert busy(group, "x = b'x' * (200 << 20)").returncode == -9
    assert group.out_of_memory_kills() == 1
    share = (
        "import time; began = time.monotonic(); used = time.process_time()\n"
        "while time.process_time() - used < 0.5: pass\n"
        "print(0.5 / (time.monotonic() - began))"
    )
    assert float(busy(group, share).stdout) < 0.7
