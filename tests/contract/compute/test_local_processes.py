"""The local backend keeps the contract, isolated and not."""

import os

import pytest

from zaffre.server.compute.backends import local_processes
from zaffre.testing import service_runner

UID = 64321


def make_runner(home, *, isolation_uid):
    runtime = home / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    python = os.sys.executable
    return local_processes.LocalServiceRunner(
        home / "services", runtime, python=python, isolation_uid=isolation_uid, hidden=(home,)
    )


class TestOpen(service_runner.ServiceRunnerContract):
    @pytest.fixture
    def runner(self, place):
        return make_runner(place, isolation_uid=None)

    @pytest.fixture
    def second_runner(self, place):
        return make_runner(place, isolation_uid=None)

    @pytest.fixture
    def folder(self, place):
        folder = place / "shared"
        folder.mkdir()
        return folder


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can isolate")
class TestIsolated(service_runner.ServiceRunnerContract):
    @pytest.fixture
    def runner(self, place):
        return make_runner(place, isolation_uid=UID)

    @pytest.fixture
    def second_runner(self, place):
        return make_runner(place, isolation_uid=UID)

    @pytest.fixture
    def folder(self, place):
        folder = place / "shared"
        folder.mkdir()
        return folder
