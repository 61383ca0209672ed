"""Fixtures that every area shares: a fresh database on SQLite and on a real PostgreSQL server."""

import os

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import importlib
import pkgutil

import pytest

import zaffre.server
from zaffre.server import db
from zaffre.testing import postgres


def _load_every_store():
    for module in pkgutil.walk_packages(zaffre.server.__path__, "zaffre.server."):
        if module.name.endswith(".store"):
            importlib.import_module(module.name)


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
    _load_every_store()
    opened = db.Database(database_url)
    with opened.write() as uow:
        db.metadata.create_all(uow.connection)
    yield opened
    opened.close()
