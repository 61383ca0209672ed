"""What every `ServiceRunner` must do, as tests: subclass `ServiceRunnerContract` in a backend's own tests.

The child is a tiny HTTP server on a Unix socket, so that real processes start, answer, die and come back. The kit
needs a Python that the backend can start (`python`), and says so through the fixtures that a subclass provides.
"""

import concurrent.futures
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zaffre.core import errors
from zaffre.server.compute import ports

Runner = ports.ServiceRunner
Maker = Callable[..., ports.ServiceSpec]

# Answers 200 on the socket it is given; its variables make it misbehave, and it tells its process environment when asked.
CHILD = """
import http.server, os, pathlib, signal, socket, socketserver, subprocess, sys, time
print("init: first line", flush=True)
flag = pathlib.Path(os.environ.get("FLAG", "/nonexistent"))
if os.environ.get("EXIT_CODE") and not flag.exists():
    print("Traceback: no model here", file=sys.stderr, flush=True)
    sys.exit(int(os.environ["EXIT_CODE"]))
if os.environ.get("HANG"):
    time.sleep(3600)
if os.environ.get("GRANDCHILD"):
    subprocess.Popen([sys.executable, "-c", "import os, time; os.setsid(); time.sleep(3600)"])
if os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        sick = os.path.exists(os.environ.get("SICK", "/nonexistent"))
        self.send_response(500 if sick else 200)
        self.end_headers()
        self.wfile.write(repr((os.getpid(), os.getuid(), dict(os.environ))).encode())
    def address_string(self):
        return "socket"
    def log_message(self, *arguments):
        pass
def drain(number, frame):
    print("draining", flush=True)
    time.sleep(float(os.environ.get("DRAIN", "0")))
    print("drained", flush=True)
    sys.exit(0)
if not os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, drain)
server = socketserver.UnixStreamServer("", Handler, bind_and_activate=False)
server.socket = socket.socket(fileno=int(os.environ["ZAFFRE_LISTEN_FD"]))
server.serve_forever()
"""


def await_that(condition: Callable[[], object], what: str, *, timeout_s: float = 30) -> None:
    """Wait until the condition is true. Fails the test with `what` when it never is."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"never came true within {timeout_s} s: {what}")
        time.sleep(0.01)


def ask(path: Path) -> tuple[int, str]:
    """Status code and body of `GET /` on a Unix socket. Raises OSError when nobody answers."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(path))
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def is_running(pid: int) -> bool:
    """Whether a process exists that is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pid_of(status: ports.ServiceStatus) -> int:
    """The PID of a process that must be there."""
    assert status.pid is not None
    return status.pid


def last_exit(status: ports.ServiceStatus) -> ports.LastExit:
    """How it ended, when it must have ended."""
    assert status.last_exit is not None
    return status.last_exit


class ServiceRunnerContract:
    """Subclass, and provide the fixtures `runner`, `second_runner` (the same place, another object) and
    `folder` (services may write there, under the path it has in the test); `python` is one that the place can start.
    """

    @pytest.fixture
    def runner(self) -> Runner:
        raise NotImplementedError

    @pytest.fixture
    def second_runner(self) -> Runner:
        raise NotImplementedError

    @pytest.fixture
    def python(self) -> str:
        return sys.executable

    @pytest.fixture
    def folder(self) -> Path:
        raise NotImplementedError

    @pytest.fixture
    def spec(self, runner: Runner, python: str, folder: Path) -> Iterator[Maker]:
        """Makes specs of the child; what was started with them is ended after the test."""
        made: set[str] = set()

        def make(
            service_id: str = "endpoints/churn/deployments/blue/0", **changes: object
        ) -> ports.ServiceSpec:
            made.add(service_id)
            variables = changes.pop("environment", {})
            assert isinstance(variables, dict)
            values: dict[str, object] = {
                "argv": (python, "-u", "-c", CHILD),
                "environment": variables,
                "listen": True,
                "writable_paths": (str(folder),),
                "restart": ports.Restart(backoff_s=0.05, backoff_max_s=0.4),
                "liveness": ports.Probe(initial_delay_s=0, period_s=0.2, timeout_s=2, failure_threshold=2),
                **changes,
            }
            return ports.ServiceSpec(id=service_id, **values)  # type: ignore[arg-type]  # tests name the fields

        yield make
        for service_id in made:
            runner.kill(service_id)
            runner.remove(service_id)

    def await_state(self, runner: Runner, service_id: str, state: str) -> ports.ServiceStatus:
        """Wait until the service is in the state."""
        seen: list[ports.ServiceStatus] = []

        def arrived() -> bool:
            seen.append(runner.status(service_id))
            return seen[-1].state == state

        try:
            await_that(arrived, f"state {state}")
        except pytest.fail.Exception:
            print(seen[-1], runner.logs(service_id), sep="\n")  # noqa: T201  # pytest shows it with the failure
            raise
        return seen[-1]

    # --- life ---

    def test_starts_and_answers(self, runner: Runner, spec: Maker) -> None:
        service = spec()
        runner.start(service)
        status = self.await_state(runner, service.id, "running")
        assert (status.alive, status.restarts, status.last_exit) == (True, 0, None)
        assert ask(runner.paths(service.id).socket)[0] == 200
        assert is_running(pid_of(status))
        assert status.started_at is not None
        assert status.ready_at is not None

    def test_an_equal_start_changes_nothing(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec())
        before = self.await_state(runner, spec().id, "running")
        runner.start(spec())
        assert runner.status(spec().id) == before

    def test_another_spec_for_a_living_id_is_a_conflict(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec())
        with pytest.raises(errors.Conflict):
            runner.start(spec(environment={"OTHER": "1"}))
        with pytest.raises(errors.Conflict):
            runner.start(spec(files={"config.json": "{}"}))

    def test_unknown_ids(self, runner: Runner) -> None:
        with pytest.raises(errors.NotFound):
            runner.status("nobody")
        with pytest.raises(errors.NotFound):
            runner.stop("nobody", drain_s=0)
        with pytest.raises(errors.NotFound):
            runner.logs("nobody")
        runner.kill("nobody")
        runner.remove("nobody")
        assert runner.wait("nobody", timeout_s=0)

    def test_hostile_ids_stay_names(self, runner: Runner, spec: Maker) -> None:
        hostile = "../../etc/passwd\n\u2028'; rm"
        runner.start(spec(hostile))
        self.await_state(runner, hostile, "running")
        assert runner.list() == [hostile]

    def test_bad_specs_are_refused(self, runner: Runner, spec: Maker) -> None:
        with pytest.raises(errors.Invalid):
            runner.start(spec(files={"../x": "1"}))
        with pytest.raises(errors.Invalid):
            runner.start(spec(read_only_paths=("relative",)))
        with pytest.raises(errors.Invalid):
            runner.start(spec(argv=()))
        with pytest.raises(errors.Invalid):
            runner.start(spec(environment={"A=B": "1"}))
        with pytest.raises(errors.Invalid):
            runner.start(spec(environment={"A": "nul\0"}))
        with pytest.raises(errors.Invalid):
            runner.start(spec(liveness=ports.Probe(path="/ HTTP/1.1\r\nX: y")))
        assert runner.list() == []

    def test_lists_several(self, runner: Runner, spec: Maker) -> None:
        for name in ("b", "a"):
            runner.start(spec(name))
        assert runner.list() == ["a", "b"]

    # --- files, environment, logs ---

    def test_files_are_readable_by_the_process(self, runner: Runner, spec: Maker, python: str) -> None:
        path = runner.paths("reader").files / "config.json"
        code = "import pathlib, sys; print(pathlib.Path(sys.argv[1]).read_text())"
        never = ports.Restart(policy="never")
        runner.start(
            spec(
                "reader",
                argv=(python, "-c", code, str(path)),
                files={"config.json": '{"key": "value-of-key"}'},
                restart=never,
                liveness=None,
            )
        )
        self.await_state(runner, "reader", "exited")
        assert '{"key": "value-of-key"}' in runner.logs("reader")

    def test_the_environment_is_the_given_one(
        self, runner: Runner, spec: Maker, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SERVER_SECRET", "never-passed-on")
        runner.start(spec(environment={"GIVEN": "value=with=equals\nand line"}))
        self.await_state(runner, spec().id, "running")
        body = ask(runner.paths(spec().id).socket)[1]
        assert "'GIVEN': 'value=with=equals\\nand line'" in body
        assert "never-passed-on" not in body

    def test_logs_begin_with_the_first_line(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec())
        self.await_state(runner, spec().id, "running")
        assert runner.logs(spec().id).splitlines()[0] == "init: first line"

    def test_logs_give_the_newest_lines(self, runner: Runner, spec: Maker, python: str) -> None:
        code = "for n in range(100): print('line', n)"
        runner.start(
            spec(
                "talker", argv=(python, "-c", code), liveness=None, restart=ports.Restart(policy="on-failure")
            )
        )
        self.await_state(runner, "talker", "exited")
        await_that(lambda: "exited" in runner.logs("talker"), "the closing note")
        assert runner.logs("talker", lines=3).splitlines()[:2] == ["line 98", "line 99"]
        assert runner.logs("talker", lines=0) == ""
        assert len(runner.logs("talker").splitlines()) == 101

    def test_a_flood_keeps_the_first_and_the_last_lines(
        self, runner: Runner, spec: Maker, python: str
    ) -> None:
        code = "print('the first line')\nfor n in range(40000): print('x' * 50, n)"
        runner.start(
            spec(
                "flood",
                argv=(python, "-c", code),
                liveness=None,
                restart=ports.Restart(policy="never"),
                log_max_bytes=256 << 10,
            )
        )
        self.await_state(runner, "flood", "exited")
        text = runner.logs("flood")
        assert text.startswith("the first line\n")
        assert "x 39999\n" in text
        assert len(text) < 400 << 10
        assert "older output was removed" in text

    # --- endings ---

    def test_a_killed_process_comes_back(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec())
        first = self.await_state(runner, spec().id, "running")
        os.kill(pid_of(first), signal.SIGKILL)
        await_that(lambda: runner.status(spec().id).restarts == 1, "a restart")
        second = self.await_state(runner, spec().id, "running")
        assert second.pid != first.pid
        assert second.exit_code == -signal.SIGKILL
        assert ask(runner.paths(spec().id).socket)[0] == 200

    def test_callers_wait_at_the_door_while_it_is_started_again(
        self, runner: Runner, spec: Maker, folder: Path
    ) -> None:
        flag = folder / "flag"
        flag.touch()
        runner.start(spec(environment={"EXIT_CODE": "3", "FLAG": str(flag)}))
        first = self.await_state(runner, spec().id, "running")
        flag.unlink()
        os.kill(pid_of(first), signal.SIGKILL)
        await_that(lambda: runner.status(spec().id).restarts >= 1, "its end")
        paths = runner.paths(spec().id)
        with pytest.raises(FileNotFoundError):
            ask(paths.socket)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            waiting = [pool.submit(ask, paths.door) for _ in range(20)]
            time.sleep(0.3)
            assert not any(answer.done() for answer in waiting)
            flag.touch()
            assert {answer.result()[0] for answer in waiting} == {200}
        self.await_state(runner, spec().id, "running")
        assert ask(paths.socket)[0] == 200

    def test_nobody_enters_after_a_stop(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec(environment={"DRAIN": "1"}))
        self.await_state(runner, spec().id, "running")
        runner.stop(spec().id, drain_s=5)
        await_that(lambda: runner.status(spec().id).state == "stopping", "it is being stopped")
        for path in (runner.paths(spec().id).socket, runner.paths(spec().id).door):
            with pytest.raises(FileNotFoundError):
                ask(path)
        assert runner.wait(spec().id, timeout_s=10)

    def test_backs_off_after_it_was_ready_once(self, runner: Runner, spec: Maker, folder: Path) -> None:
        flag = folder / "flag"
        flag.touch()
        runner.start(spec(environment={"EXIT_CODE": "3", "FLAG": str(flag)}))
        first = self.await_state(runner, spec().id, "running")
        flag.unlink()
        os.kill(pid_of(first), signal.SIGKILL)
        await_that(lambda: runner.status(spec().id).restarts >= 3, "several restarts despite a fatal code")
        flag.touch()
        self.await_state(runner, spec().id, "running")

    def test_a_fatal_exit_before_ready_is_final(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec(environment={"EXIT_CODE": "3"}))
        status = self.await_state(runner, spec().id, "failed")
        assert status.restarts == 0
        assert status.exit_code == 3
        assert "Traceback: no model here" in last_exit(status).last_lines
        assert runner.wait(spec().id, timeout_s=10)
        assert not runner.status(spec().id).alive

    def test_an_ordinary_failure_before_ready_is_tried_again(
        self, runner: Runner, spec: Maker, folder: Path
    ) -> None:
        flag = folder / "flag"
        runner.start(spec(environment={"EXIT_CODE": "1", "FLAG": str(flag)}))
        await_that(lambda: runner.status(spec().id).restarts >= 2, "two restarts")
        flag.touch()
        self.await_state(runner, spec().id, "running")

    def test_restarts_can_be_limited(self, runner: Runner, spec: Maker) -> None:
        rules = ports.Restart(backoff_s=0.01, max_restarts=2)
        runner.start(spec(environment={"EXIT_CODE": "1"}, restart=rules))
        assert self.await_state(runner, spec().id, "failed").restarts == 2

    def test_a_start_that_hangs_fails(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec(environment={"HANG": "1"}, start_timeout_s=0.5))
        status = self.await_state(runner, spec().id, "failed")
        assert "not ready within 0.5 s" in status.reason

    def test_a_program_that_is_not_there_fails(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec(argv=("/no/such/program",)))
        assert "/no/such/program" in self.await_state(runner, spec().id, "failed").reason

    def test_a_sick_process_is_replaced(self, runner: Runner, spec: Maker, folder: Path) -> None:
        sick = folder / "sick"
        runner.start(spec(environment={"SICK": str(sick)}))
        first = self.await_state(runner, spec().id, "running")
        sick.touch()
        await_that(lambda: runner.status(spec().id).restarts == 1, "a restart")
        assert "liveness" in last_exit(runner.status(spec().id)).reason
        sick.unlink()
        assert self.await_state(runner, spec().id, "running").pid != first.pid

    def test_stop_drains(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec(environment={"DRAIN": "0.3"}))
        self.await_state(runner, spec().id, "running")
        runner.stop(spec().id, drain_s=20)
        assert runner.wait(spec().id, timeout_s=20)
        status = runner.status(spec().id)
        assert (status.state, status.alive, status.pid, status.exit_code) == ("stopped", False, None, 0)
        assert "drained" in runner.logs(spec().id)

    def test_stop_ends_the_stubborn_and_its_children(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec(environment={"STUBBORN": "1", "GRANDCHILD": "1"}))
        status = self.await_state(runner, spec().id, "running")
        below = _descendants(pid_of(status))
        assert len(below) == 1
        runner.stop(spec().id, drain_s=0.2)
        assert runner.wait(spec().id, timeout_s=20)
        assert runner.status(spec().id).exit_code == -signal.SIGKILL
        await_that(lambda: not any(is_running(pid) for pid in [pid_of(status), *below]), "nobody is left")

    def test_stop_during_back_off(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec(environment={"EXIT_CODE": "1"}, restart=ports.Restart(backoff_s=60)))
        self.await_state(runner, spec().id, "backoff")
        runner.stop(spec().id, drain_s=60)
        assert runner.wait(spec().id, timeout_s=10)
        assert runner.status(spec().id).state == "stopped"

    def test_stop_is_heeded_at_any_moment_of_a_start(self, runner: Runner, spec: Maker) -> None:
        for pause in range(12):
            runner.start(spec())
            time.sleep(pause * 0.004)
            runner.stop(spec().id, drain_s=300)
            assert runner.wait(spec().id, timeout_s=60)

    def test_a_stopped_service_starts_again(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec())
        self.await_state(runner, spec().id, "running")
        runner.stop(spec().id, drain_s=5)
        runner.wait(spec().id, timeout_s=10)
        runner.start(spec())
        self.await_state(runner, spec().id, "running")

    def test_an_ended_id_takes_another_spec(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec(environment={"EXIT_CODE": "4"}))
        self.await_state(runner, spec().id, "failed")
        runner.start(spec())
        self.await_state(runner, spec().id, "running")

    def test_remove_forgets(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec())
        self.await_state(runner, spec().id, "running")
        with pytest.raises(errors.Conflict):
            runner.remove(spec().id)
        runner.stop(spec().id, drain_s=5)
        assert runner.wait(spec().id, timeout_s=20)
        runner.remove(spec().id)
        assert runner.list() == []
        with pytest.raises(errors.NotFound):
            runner.status(spec().id)

    def test_kill_leaves_nobody(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec(environment={"GRANDCHILD": "1"}))
        status = self.await_state(runner, spec().id, "running")
        below = _descendants(pid_of(status))
        assert len(below) == 1
        runner.kill(spec().id)
        await_that(lambda: not any(is_running(pid) for pid in [pid_of(status), *below]), "nobody is left")
        after = runner.status(spec().id)
        assert (after.alive, after.state, after.pid) == (False, "exited", None)
        runner.start(spec())
        self.await_state(runner, spec().id, "running")

    # --- another server process ---

    def test_another_runner_adopts(self, runner: Runner, second_runner: Runner, spec: Maker) -> None:
        runner.start(spec())
        before = self.await_state(runner, spec().id, "running")
        assert second_runner.list() == [spec().id]
        second_runner.start(spec())
        assert second_runner.status(spec().id) == before
        second_runner.stop(spec().id, drain_s=5)
        assert runner.wait(spec().id, timeout_s=20)


def _descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += [int(child), *_descendants(int(child))]
    return found
