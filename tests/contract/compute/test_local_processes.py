"""The local backend keeps the contract of a service runner, isolated and not."""

import pytest

from zaffre.testing import service_rest, service_runner


@pytest.fixture
def shared_folder(folder):
    return folder


class _Local(service_runner.ServiceRunnerContract, service_rest.RestContract):
    isolated = False

    @pytest.fixture
    def runner(self, make_runner):
        return make_runner(isolated=self.isolated)

    @pytest.fixture
    def second_runner(self, make_runner):
        return make_runner(isolated=self.isolated)

    @pytest.fixture
    def folder(self, shared_folder):
        return shared_folder


class TestOpen(_Local):
    isolated = False


class TestIsolated(_Local):
    isolated = True
