"""What a `ServiceRunner` gives to its processes, and what it keeps of what they say."""

import pytest

from zaffre.server.compute import ports
from zaffre.testing import service_place
from zaffre.testing.service_child import Maker, Runner, ask, await_that


class OutputContract(service_place.ServicePlace):
    """Files, environment and logs; part of `service_runner.ServiceRunnerContract`."""

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
