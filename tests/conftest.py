"""What every area shares: a fresh database on SQLite and on a real PostgreSQL server, and how tests are spread."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import hypothesis
import pytest
import xdist.scheduler

from zaffre.server import db
from zaffre.server.app import tables
from zaffre.testing import postgres

# Neither chance nor the machine's speed decides whether a commit is good: every run tries the same examples, however long
# one takes. `HYPOTHESIS_PROFILE=search` looks for new ones.
hypothesis.settings.register_profile(
    "same", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.register_profile("search", deadline=None, max_examples=2000)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


class Folders(xdist.scheduler.LoadScopeScheduling):
    """A folder's tests go to one process: they share servers and environments that are dear to make, and those of a module
    follow each other. (Groups by mark do nothing together with this version of pytest.)"""

    def _split_scope(self, nodeid):
        return nodeid.partition("::")[0].rpartition("/")[0]


def pytest_xdist_make_scheduler(config, log):
    return Folders(config, log)


@pytest.fixture(scope="session")
def postgres_server():
    with postgres.serve() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request, tmp_path):
    """The URL of an empty database; every test that asks for it runs on both kinds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/zaffre.db"
    return request.getfixturevalue("postgres_server").emptied_database()


@pytest.fixture
def database(database_url):
    """A database with every room's tables."""
    metadata = tables.metadata()
    opened = db.Database(database_url)
    with opened.write() as uow:
        metadata.create_all(uow.connection)
    yield opened
    opened.close()
