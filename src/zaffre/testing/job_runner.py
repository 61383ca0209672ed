"""What every `JobRunner` must do, as tests: subclass `JobRunnerContract` in a backend's own tests.

The jobs are small Python programs, run by `python`; the kit says so through the fixtures that a subclass provides.
"""

import dataclasses
import os
import sys
from collections.abc import Callable

import pytest

from zaffre.core import errors
from zaffre.server.compute import jobs, outputs, ports

WRITES = """
import os, pathlib, sys
folder = pathlib.Path(os.environ["ZAFFRE_OUTPUTS"])
folder.mkdir(exist_ok=True)
count = folder / "count"
count.write_text(str(int(count.read_text()) + 1 if count.exists() else 1))
print("said", os.environ.get("WORD"), flush=True)
sys.exit(int(os.environ.get("CODE", "0")))
"""
SLEEPS = "import time; print('begun', flush=True); time.sleep(3600)"


def spec(job_id: str = "job", code: str = WRITES, **fields: object) -> jobs.JobSpec:
    """A job that runs some Python."""
    made = jobs.JobSpec(id=job_id, argv=(sys.executable, "-c", code))
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]


def await_output(runner: jobs.JobRunner, job_id: str, text: str) -> None:
    """Wait until the job has said something."""
    for _ in range(12_000):
        if text in runner.logs(job_id):
            return
        runner.wait(job_id, timeout_s=0.01)
    pytest.fail(f"{job_id} never said {text!r}: {runner.status(job_id)}")


class JobRunnerContract:
    """Subclasses give `runner`, and `second_runner`: another object over the same place."""

    @pytest.fixture
    def runner(self) -> jobs.JobRunner:
        raise NotImplementedError

    @pytest.fixture
    def second_runner(self) -> jobs.JobRunner:
        raise NotImplementedError

    def test_a_job_runs_and_its_output_is_kept(self, runner: jobs.JobRunner) -> None:
        runner.start(spec(environment={"WORD": "hello"}))
        assert runner.wait("job", timeout_s=120)
        status = runner.status("job")
        assert (status.state, status.exit_code, status.ended) == ("succeeded", 0, True)
        assert "said hello" in runner.logs("job")
        assert outputs.read(runner.outputs("job"), "count", limit=10) == b"1"
        assert runner.list() == ["job"]

    def test_a_failure_says_its_code_and_last_words(self, runner: jobs.JobRunner) -> None:
        runner.start(spec(environment={"CODE": "7"}))
        assert runner.wait("job", timeout_s=120)
        status = runner.status("job")
        assert (status.state, status.exit_code) == ("failed", 7)
        assert any("said" in line for line in status.last_lines)

    def test_no_job_runs_twice(self, runner: jobs.JobRunner, second_runner: jobs.JobRunner) -> None:
        runner.start(spec())
        assert runner.wait("job", timeout_s=120)
        second_runner.start(spec())
        assert second_runner.wait("job", timeout_s=120)
        assert outputs.read(second_runner.outputs("job"), "count", limit=10) == b"1"

    def test_a_job_of_another_runner_is_found(
        self, runner: jobs.JobRunner, second_runner: jobs.JobRunner
    ) -> None:
        runner.start(spec(code=SLEEPS))
        await_output(second_runner, "job", "begun")
        assert second_runner.status("job").state == "running"
        second_runner.cancel("job")
        assert runner.wait("job", timeout_s=120)
        assert runner.status("job").state == "cancelled"

    def test_time_is_limited(self, runner: jobs.JobRunner) -> None:
        runner.start(spec(code=SLEEPS, timeout_s=1.0))
        assert runner.wait("job", timeout_s=120)
        assert runner.status("job").state == "timed_out"

    def test_a_job_whose_keeper_was_killed_is_lost(
        self, runner: jobs.JobRunner, kill: Callable[[str], None]
    ) -> None:
        runner.start(spec(code=SLEEPS))
        await_output(runner, "job", "begun")
        kill("job")
        status = runner.status("job")
        assert (status.state, status.ended) == ("lost", True)

    def test_what_runs_is_not_removed_and_what_ended_is(self, runner: jobs.JobRunner) -> None:
        runner.start(spec(code=SLEEPS))
        with pytest.raises(errors.Conflict):
            runner.remove("job")
        runner.cancel("job")
        assert runner.wait("job", timeout_s=120)
        runner.remove("job")
        runner.remove("job")
        assert runner.list() == []
        with pytest.raises(errors.NotFound):
            runner.status("job")

    def test_files_are_there_for_the_job_alone(self, runner: jobs.JobRunner) -> None:
        path = runner.files("job") / "asked.json"
        code = f"print(open({str(path)!r}).read(), oct(__import__('os').stat({str(path)!r}).st_mode))"
        runner.start(spec(code=code, files={"asked.json": "the question"}))
        assert runner.wait("job", timeout_s=120)
        assert "the question 0o100600" in runner.logs("job")

    def test_memory_is_limited(self, runner: jobs.JobRunner) -> None:
        code = "print('begun', flush=True); x = bytearray(900 << 20); print('ended', len(x))"
        runner.start(spec(code=code, limits=ports.Limits(memory_bytes=200 << 20)))
        assert runner.wait("job", timeout_s=120)
        status = runner.status("job")
        if not status.limits_enforced:
            pytest.skip(f"this machine enforces no limits: {status.limits_reason}")
        assert status.state == "failed"

    def test_what_a_job_links_to_is_not_read(self, runner: jobs.JobRunner) -> None:
        code = WRITES + "\nos.symlink('/etc/passwd', folder / 'link')"
        code = code.replace("sys.exit", "(lambda code: None)")
        runner.start(spec(code=code))
        assert runner.wait("job", timeout_s=120)
        assert os.path.lexists(runner.outputs("job") / "link")
        with pytest.raises(errors.Invalid):
            outputs.read(runner.outputs("job"), "link", limit=1 << 20)
