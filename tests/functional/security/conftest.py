"""Servers to attack: one on each kind of database for a whole module."""

import pytest

from zaffre.testing import server as servers


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def attacked(request, tmp_path_factory):
    """A server whose log says whether anything surprised it."""
    environment = {}
    if request.param == "postgres":
        environment["ZAFFRE_DATABASE_URL"] = request.getfixturevalue("postgres_server").create_database()
    running = servers.ServerProcess(tmp_path_factory.mktemp("attacked") / "home", environment).start()
    yield running
    running.end()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    running = servers.ServerProcess(tmp_path_factory.mktemp("shared") / "home").start()
    yield running
    running.end()
