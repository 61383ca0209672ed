"""A place where services run, as tests meet it: the fixtures that every part of the contract of `ServiceRunner` stands on."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from zaffre.server.compute import ports
from zaffre.testing.service_child import CHILD, Maker, Runner, await_that


class ServicePlace:
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
                "liveness": ports.Probe(initial_delay_s=0, period_s=0.2, timeout_s=20, failure_threshold=2),
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
