"""The shim by itself, as a program: by path and by module, under several Pythons, on a full disk; and what it costs."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from zaffre.testing import service_runner
from zaffre_runtime import shim
from zaffre_runtime.shim import logs, records

SOURCES = sorted(Path(shim.__file__).parent.glob("*.py"))
UP = "import time; print('up', flush=True); time.sleep(3600)"


def other_pythons():
    """Interpreters of other versions that this machine happens to have."""
    found = {}
    for folder in [*os.get_exec_path(), *map(str, Path.home().glob(".pyenv/versions/*/bin"))]:
        for version in ("3.9", "3.10", "3.12", "3.13", "3.14"):
            path = Path(folder, f"python{version}")
            if path.exists() and "shims" not in path.parts:
                found.setdefault(version, str(path))
    return found


PYTHONS = {"this": sys.executable, **other_pythons()}


@pytest.fixture
def service(tmp_path):
    """Writes a spec; what runs by it is ended after the test."""
    folder = tmp_path / "service"

    def make(code, **changes):
        (folder / "files").mkdir(parents=True)
        spec = {
            "id": "s",
            "argv": [sys.executable, "-c", code],
            "environment": {},
            "socket_folder": str(tmp_path / "run"),
            "restart": {"policy": "never"},
            **changes,
        }
        (folder / "spec.json").write_text(json.dumps(spec))
        return folder

    yield make
    if records.lock_holder(str(folder)):
        records.request_stop(str(folder), 0)
        service_runner.await_that(lambda: records.lock_holder(str(folder)) is None, "the shim's end")


def start(folder, *command):
    return subprocess.run([*command, str(folder)], capture_output=True, text=True, timeout=60)


def by_path(python):
    return python, "-S", "-E", str(Path(shim.__file__).with_name("__main__.py"))


@pytest.mark.parametrize("version", PYTHONS)
def test_runs_by_path_under_every_python_here(service, version):
    folder = service(UP)
    done = start(folder, *by_path(PYTHONS[version]))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert records.lock_holder(str(folder))
    service_runner.await_that(lambda: "up" in logs.read_tail(str(folder / "log"), None), "output")
    records.request_stop(str(folder), 0)
    service_runner.await_that(lambda: records.lock_holder(str(folder)) is None, "its end")
    assert records.read_json(str(folder / "state.json"))["state"] == "stopped"
    assert not (folder / records.ERROR).exists()


def test_runs_as_a_module(service):
    folder = service(UP)
    environment = {**os.environ, "PYTHONPATH": str(Path(shim.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-m", "zaffre_runtime.shim", str(folder)],
        env=environment,
        capture_output=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert records.lock_holder(str(folder))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_is_python_3_9(source):
    ast.parse(source.read_text(), feature_version=(3, 9))


def test_a_folder_without_a_spec_is_an_error(tmp_path):
    done = start(tmp_path, *by_path(sys.executable))
    assert done.returncode == 1
    assert "no spec" in done.stderr
    assert start(tmp_path / "none", *by_path(sys.executable)).returncode == 1
    assert subprocess.run([*by_path(sys.executable)], capture_output=True).returncode == 2


def test_is_small_and_loads_only_the_standard_library(service):
    folder = service(UP)
    start(folder, *by_path(sys.executable))
    pid = records.lock_holder(str(folder))
    rows = dict(
        line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
    )
    assert int(rows["VmRSS"].split()[0]) < 20_000  # kB
    assert "site-packages" not in Path(f"/proc/{pid}/maps").read_text()
    assert rows["Threads"].strip() == "1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_a_full_disk_neither_blocks_nor_kills(service, tmp_path):
    folder = tmp_path / "service"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)], check=True)
    done = tmp_path / "done"
    code = f"""
import pathlib, time
for number in range(200):
    print("x" * 10000, flush=True)
pathlib.Path({str(done)!r}).touch()
time.sleep(3600)
"""
    try:
        service(code)
        assert start(folder, *by_path(sys.executable)).returncode == 0
        service_runner.await_that(done.exists, "the process writes two megabytes and goes on")
        shim_pid = records.lock_holder(str(folder))
        assert shim_pid
        records.request_stop(str(folder), 10)
        service_runner.await_that(lambda: records.lock_holder(str(folder)) is None, "it still heeds a stop")
        assert "bytes of output" not in done.read_text()
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_machine_restart_that_emptied_run_is_survived(service, tmp_path):
    folder = service(UP)
    start(folder, *by_path(sys.executable))
    records.request_stop(str(folder), 0)
    service_runner.await_that(lambda: records.lock_holder(str(folder)) is None, "its end")
    shutil.rmtree(tmp_path / "run", ignore_errors=True)
    (folder / "stop").unlink()
    start(folder, *by_path(sys.executable))
    service_runner.await_that((tmp_path / "run").is_dir, "the socket folder is there again")
    assert records.lock_holder(str(folder))
