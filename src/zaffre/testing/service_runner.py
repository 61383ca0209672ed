"""What every `ServiceRunner` must do, as tests: subclass `ServiceRunnerContract` in a backend's own tests.

The child is a tiny HTTP server on a Unix socket, so that real processes start, answer, die and come back. The kit
needs a Python that the backend can start (`python`), and says so through the fixtures that a subclass provides.
"""

import concurrent.futures
import os
import signal
import time
from pathlib import Path

import pytest

from zaffre.core import errors
from zaffre.server.compute import ports
from zaffre.testing import service_output
from zaffre.testing.service_child import (
    Maker,
    Runner,
    ask,
    await_that,
    descendants,
    is_running,
    last_exit,
    pid_of,
)


class ServiceRunnerContract(service_output.OutputContract):
    """Subclass, and provide the fixtures of `service_place.ServicePlace`."""

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

    def test_nobody_enters_after_a_stop(self, runner: Runner, spec: Maker, folder: Path) -> None:
        runner.start(spec(environment={"DRAINED": str(folder / "drained")}))
        self.await_state(runner, spec().id, "running")
        runner.stop(spec().id, drain_s=300)
        await_that(lambda: runner.status(spec().id).state == "stopping", "it is being stopped")
        for path in (runner.paths(spec().id).socket, runner.paths(spec().id).door):
            with pytest.raises(FileNotFoundError):
                ask(path)
        (folder / "drained").touch()
        assert runner.wait(spec().id, timeout_s=60)

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
        assert runner.wait(spec().id, timeout_s=60)
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
        await_that(lambda: runner.status(spec().id).restarts >= 1, "a restart")
        assert "liveness" in last_exit(runner.status(spec().id)).reason
        sick.unlink()
        assert self.await_state(runner, spec().id, "running").pid != first.pid

    def test_one_that_does_not_answer_for_a_while_is_hidden_meanwhile(
        self, runner: Runner, spec: Maker, folder: Path
    ) -> None:
        sick, patient = folder / "sick", ports.Probe(period_s=3600, timeout_s=20)
        strict = ports.Probe(initial_delay_s=0, period_s=0.1, timeout_s=20, failure_threshold=2)
        runner.start(spec(environment={"SICK": str(sick)}, liveness=patient, readiness=strict))
        first = self.await_state(runner, spec().id, "running")
        paths = runner.paths(spec().id)
        assert paths.socket.exists()
        for _ in range(2):
            sick.touch()
            await_that(lambda: not paths.socket.exists(), "the name is taken away")
            assert paths.door.exists()
            sick.unlink()
            await_that(paths.socket.exists, "the name is back")
        assert runner.status(spec().id) == first

    def test_stop_drains(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec(environment={"DRAIN": "0.3"}))
        self.await_state(runner, spec().id, "running")
        runner.stop(spec().id, drain_s=20)
        assert runner.wait(spec().id, timeout_s=60)
        status = runner.status(spec().id)
        assert (status.state, status.alive, status.pid, status.exit_code) == ("stopped", False, None, 0)
        assert "drained" in runner.logs(spec().id)

    def test_stop_ends_the_stubborn_and_its_children(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec(environment={"STUBBORN": "1", "GRANDCHILD": "1"}))
        status = self.await_state(runner, spec().id, "running")
        below = descendants(pid_of(status))
        assert len(below) == 1
        runner.stop(spec().id, drain_s=0.2)
        assert runner.wait(spec().id, timeout_s=60)
        assert runner.status(spec().id).exit_code == -signal.SIGKILL
        await_that(lambda: not any(is_running(pid) for pid in [pid_of(status), *below]), "nobody is left")

    def test_stop_during_back_off(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec(environment={"EXIT_CODE": "1"}, restart=ports.Restart(backoff_s=60)))
        self.await_state(runner, spec().id, "backoff")
        runner.stop(spec().id, drain_s=60)
        assert runner.wait(spec().id, timeout_s=60)
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
        runner.wait(spec().id, timeout_s=60)
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
        assert runner.wait(spec().id, timeout_s=60)
        runner.remove(spec().id)
        assert runner.list() == []
        with pytest.raises(errors.NotFound):
            runner.status(spec().id)

    def test_kill_leaves_nobody(self, runner: Runner, spec: Maker) -> None:
        runner.start(spec(environment={"GRANDCHILD": "1"}))
        status = self.await_state(runner, spec().id, "running")
        below = descendants(pid_of(status))
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
        assert runner.wait(spec().id, timeout_s=60)
