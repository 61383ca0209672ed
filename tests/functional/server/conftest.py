"""A real server process in a home of its own."""

import pytest

from zaffre.testing import server as servers


@pytest.fixture
def server(tmp_path):
    running = servers.ServerProcess(tmp_path / "home").start()
    yield running
    running.end()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One server for the tests of a module that change nothing."""
    running = servers.ServerProcess(tmp_path_factory.mktemp("server") / "home").start()
    yield running
    running.end()
