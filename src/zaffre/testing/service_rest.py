"""Tests that every `ServiceRunner` must pass for `rest`: a service sleeps until somebody connects, and loses nobody.

A mixin for classes that have the fixtures of `service_runner.ServiceRunnerContract`.
"""

from zaffre.server.compute import ports
from zaffre.testing import service_child


class RestContract:
    """Subclass together with `ServiceRunnerContract`."""

    def test_it_sleeps_until_somebody_connects(
        self, runner: service_child.Runner, spec: service_child.Maker
    ) -> None:
        runner.start(spec(environment={"DRAIN": "0.2"}, devices=("0", "3")))
        first = _await(runner, "running", spec().id)
        assert (first.devices, first.woken_at) == (("0", "3"), None)
        for _ in range(2):
            runner.rest(spec().id, asleep=True)
            asleep = _await(runner, "asleep", spec().id)
            assert (asleep.alive, asleep.pid, asleep.restarts, asleep.last_exit) == (True, None, 0, None)
            assert not service_child.is_running(service_child.pid_of(first))
            assert not runner.paths(spec().id).socket.exists()
            assert service_child.ask(runner.paths(spec().id).door)[0] == 200
            woken = _await(runner, "running", spec().id)
            assert woken.woken_at is not None
            assert (woken.restarts, woken.devices) == (0, ("0", "3"))
        assert "drained" in runner.logs(spec().id)

    def test_one_that_sleeps_can_be_woken_and_stopped(
        self, runner: service_child.Runner, spec: service_child.Maker
    ) -> None:
        runner.start(spec())
        _await(runner, "running", spec().id)
        runner.rest(spec().id, asleep=True)
        _await(runner, "asleep", spec().id)
        runner.rest(spec().id, asleep=False)
        assert _await(runner, "running", spec().id).woken_at is None
        runner.rest(spec().id, asleep=True)
        _await(runner, "asleep", spec().id)
        runner.stop(spec().id, drain_s=5)
        assert runner.wait(spec().id, timeout_s=60)
        assert runner.status(spec().id).state == "stopped"


def _await(runner: service_child.Runner, state: str, service_id: str) -> ports.ServiceStatus:
    service_child.await_that(lambda: runner.status(service_id).state == state, f"the state {state}")
    return runner.status(service_id)
