"""The local backend keeps the contract of a runner of jobs, isolated and not."""

import pytest

from zaffre.server.compute.backends import local_jobs
from zaffre.testing import job_runner


class _Local(job_runner.JobRunnerContract):
    isolated = False

    @pytest.fixture
    def services(self, make_runner):
        return make_runner(isolated=self.isolated)

    @pytest.fixture
    def runner(self, services):
        return local_jobs.LocalJobRunner(services)

    @pytest.fixture
    def second_runner(self, make_runner):
        return local_jobs.LocalJobRunner(make_runner(isolated=self.isolated))

    @pytest.fixture
    def kill(self, services):
        return services.kill


class TestOpen(_Local):
    isolated = False


class TestIsolated(_Local):
    isolated = True
