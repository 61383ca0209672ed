"""Real crashes around local services: of the server at any line of a start, of a shim, of the home itself."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from zaffre.core import errors
from zaffre.server.compute import ports
from zaffre.server.compute.backends import local_processes
from zaffre.testing import service_child
from zaffre_runtime.shim import records

SLEEP = "import time; print('up', flush=True); time.sleep(3600)"


def sleeper(**changes):
    values = {
        "argv": (sys.executable, "-S", "-c", SLEEP),
        "files": {"a": "1"},
        "environment": {"S": "1"},
        **changes,
    }
    return ports.ServiceSpec(id="sleeper", **values)


def in_killed_process(work, *, at_line):
    """Run `work` in a fork that kills itself before the given line of the backend; whether it got that far."""
    watched = {local_processes.__file__, records.__file__}
    passed = 0

    def trace(frame, event, _):
        nonlocal passed
        if frame.f_code.co_filename not in watched:
            return None
        if event == "line":
            passed += 1
            if passed == at_line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    child = os.fork()
    if child == 0:
        try:
            sys.settrace(trace)
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_a_crash_at_any_line_of_start_leaves_nothing_or_something_startable(make_runner, place):
    runner = make_runner(isolated=False)
    line = 0
    crashed = True
    while crashed:
        line += 1
        crashed = in_killed_process(lambda: runner.start(sleeper()), at_line=line)
        after = make_runner(isolated=False)
        assert not list((place / "services").glob(".new-*"))
        assert after.list() in ([], ["sleeper"])
        after.start(sleeper())
        assert after.status("sleeper").alive
        after.kill("sleeper")
        after.remove("sleeper")
    assert line > 30


def test_a_crash_at_any_line_of_a_replacing_start(make_runner):
    runner = make_runner(isolated=False)
    line = 0
    crashed = True
    other = sleeper(files={"a": "2"}, environment={"S": "2"})
    while crashed:
        line += 7
        runner.start(sleeper())
        runner.kill("sleeper")
        crashed = in_killed_process(lambda: runner.start(other), at_line=line)
        after = make_runner(isolated=False)
        assert after.list() in ([], ["sleeper"])
        after.start(other)
        assert (after.paths("sleeper").files / "a").read_text() == "2"
        after.kill("sleeper")
        after.remove("sleeper")
    assert line > 30


def test_a_service_outlives_the_killed_server(make_runner):
    runner = make_runner(isolated=False)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()
        runner.start(sleeper())
        os.write(writer, b"started")
        time.sleep(3600)
    assert os.read(reader, 10) == b"started"
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(reader)
    os.close(writer)
    adopted = make_runner(isolated=False)
    assert adopted.list() == ["sleeper"]
    service_child.await_that(lambda: "up" in adopted.logs("sleeper"), "its first output")
    status = adopted.status("sleeper")
    assert status.alive
    assert service_child.is_running(status.pid)


@pytest.mark.parametrize("isolated", [False, True])
def test_a_killed_shim_takes_its_process_along(make_runner, place, isolated):
    runner = make_runner(isolated=isolated)
    runner.start(sleeper())
    service_child.await_that(lambda: "up" in runner.logs("sleeper"), "its first output")
    pid = runner.status("sleeper").pid
    (spec,) = (place / "services").glob("*/spec.json")
    os.kill(records.lock_holder(str(spec.parent)), signal.SIGKILL)
    assert runner.wait("sleeper", timeout_s=60)
    service_child.await_that(lambda: not service_child.is_running(pid), "the process ends, too")
    status = runner.status("sleeper")
    assert (status.alive, status.state, status.pid) == (False, "exited", None)
    assert "killed" in status.reason
    runner.start(sleeper())
    assert runner.status("sleeper").alive


@pytest.mark.parametrize("isolated", [False, True])
def test_everything_ends_when_the_home_vanishes(make_runner, place, isolated):
    runner = make_runner(isolated=isolated)
    runner.start(sleeper())
    service_child.await_that(lambda: "up" in runner.logs("sleeper"), "its first output")
    pid = runner.status("sleeper").pid
    (spec,) = (place / "services").glob("*/spec.json")
    shim = records.lock_holder(str(spec.parent))
    moved = place / "gone"
    (place / "services").rename(moved)
    shutil.rmtree(moved, ignore_errors=True)
    service_child.await_that(lambda: not service_child.is_running(shim), "the shim ends")
    assert not service_child.is_running(pid)


def test_a_pid_that_only_looks_like_a_shim_is_never_hit(make_runner, place):
    runner = make_runner(isolated=False)
    runner.start(sleeper())
    runner.kill("sleeper")
    (state,) = (place / "services").glob("*/state.json")
    stranger = os.fork()
    if stranger == 0:
        time.sleep(3600)
    record = records.read_json(str(state))
    records.write_json(str(state), {**record, "state": "running", "pid": stranger, "shim_pid": stranger})
    runner.stop("sleeper", drain_s=0)
    runner.kill("sleeper")
    assert not runner.status("sleeper").alive
    assert service_child.is_running(stranger)
    os.kill(stranger, signal.SIGKILL)
    os.waitpid(stranger, 0)


def test_a_stopped_shim_cannot_block_kill(make_runner, place):
    runner = make_runner(isolated=False)
    runner.start(sleeper())
    (spec,) = (place / "services").glob("*/spec.json")
    os.kill(records.lock_holder(str(spec.parent)), signal.SIGSTOP)
    assert not runner.wait("sleeper", timeout_s=0.05)
    runner.kill("sleeper")
    assert not runner.status("sleeper").alive


def test_a_shim_that_fails_says_why(make_runner, place):
    runner = make_runner(isolated=False)
    runner.start(sleeper())
    runner.kill("sleeper")
    (spec,) = (place / "services").glob("*/spec.json")
    records.write_json(str(spec), {**records.read_json(str(spec)), "restart": {"no-such-rule": 1}})
    with pytest.raises(errors.Unavailable, match="no-such-rule"):
        runner._launch(spec.parent, {})
    assert not runner.status("sleeper").alive


def test_two_shims_of_one_folder_never_live(make_runner, place):
    runner = make_runner(isolated=False)
    runner.start(sleeper())
    (spec,) = (place / "services").glob("*/spec.json")
    before = records.lock_holder(str(spec.parent))
    runner._launch(spec.parent, {})
    assert records.lock_holder(str(spec.parent)) == before


def test_secrets_stay_out_of_sight(make_runner, place):
    runner = make_runner(isolated=False)
    runner.start(sleeper(environment={"KEY": "secret-4711"}, files={"key": "secret-4711"}))
    service_child.await_that(lambda: "up" in runner.logs("sleeper"), "its first output")
    (spec,) = (place / "services").glob("*/spec.json")
    shim = records.lock_holder(str(spec.parent))
    for name in ("cmdline", "environ"):
        assert b"secret-4711" not in Path(f"/proc/{shim}/{name}").read_bytes()
    assert b"secret-4711" not in Path(f"/proc/{runner.status('sleeper').pid}/cmdline").read_bytes()
    assert "secret-4711" not in runner.logs("sleeper")
    assert (place / "services").stat().st_mode & 0o777 == 0o700
    assert spec.parent.stat().st_mode & 0o777 == 0o700
    for path in [
        spec,
        *runner.paths("sleeper").files.iterdir(),
        spec.with_name("state.json"),
        spec.with_name("lock"),
    ]:
        assert path.stat().st_mode & 0o777 == 0o600, path


def test_the_shim_keeps_nothing_of_the_server(make_runner, place):
    """Descriptors of the server (its database lock, its sockets) must not live on in services."""
    held = os.open(place / "database", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(held, True)
    runner = make_runner(isolated=False)
    runner.start(sleeper())
    service_child.await_that(lambda: "up" in runner.logs("sleeper"), "its first output")
    os.close(held)
    (spec,) = (place / "services").glob("*/spec.json")
    for pid in (records.lock_holder(str(spec.parent)), runner.status("sleeper").pid):
        open_files = [str(path.readlink()) for path in Path(f"/proc/{pid}/fd").iterdir()]
        assert str(place / "database") not in open_files
