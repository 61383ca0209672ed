"""A house with a worker of tasks, and a desk to ask it for conversions."""

import io
import shutil
import socket
import tempfile
import time
from pathlib import Path

import joblib
import pytest

import zaffre.server.access.workspaces as workspaces
from zaffre.contracts import conversion as contract
from zaffre.contracts import model as model_contract
from zaffre.contracts import workspace
from zaffre.server import db, operations
from zaffre.server.app import tables
from zaffre.server.conversion import service
from zaffre.server.registry.models import service as models
from zaffre.testing import online, tooling


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def home():
    folder = Path(tempfile.mkdtemp(prefix="zaffre-test-"))
    yield folder
    shutil.rmtree(folder)


def open_house(home, **options):
    url = f"sqlite:///{home}/zaffre.db"
    database = db.Database(url)
    with database.write() as uow:
        tables.metadata().create_all(uow.connection)
        workspaces.create(uow, online.CALLER, workspace.Workspace(name="default"))
    database.close()
    return online.build(home, url, port=free_port(), **options)


@pytest.fixture
def house(home):
    built = open_house(home)
    yield built
    built.database.close()


class Desk:
    """What a user asks for; `start` begins the worker."""

    def __init__(self, house):
        self.house = house
        self.means = house.converting
        self.worker = tooling.open_tasks(house)
        self.worker.loop.start()

    def restart(self):
        """Another worker in the place of this one, as after a restart of the server."""
        self.stop()
        self.worker = tooling.open_tasks(self.house)
        self.worker.loop.start()

    def stop(self):
        self.worker.loop.stop()
        self.worker.close()

    def model(self, fitted, name="iris"):
        target = io.BytesIO()
        joblib.dump(fitted, target)
        return self.register({"model.joblib": target.getvalue()}, name)

    def register(self, files, name="iris"):
        address = self.house.tree(files)
        path = f"{address}/{next(iter(files))}" if len(files) == 1 else address
        with self.house.database.write() as uow:
            return models.create(uow, online.CALLER, "default", model_contract.Model(name=name, path=path))

    def ask(self, name="iris", version="1", *, as_name=None, **asked):
        asked = {**asked, **({"name": as_name} if as_name else {})}
        with self.house.database.write() as uow:
            return service.begin(
                uow,
                online.CALLER,
                "default",
                name,
                version=version,
                asked=contract.Conversion.parse(asked),
                table=self.house.room.curated,
            )

    def wait(self, operation, timeout_s=60):
        end = time.monotonic() + timeout_s
        while operation["state"] == "Running":
            if time.monotonic() > end:
                raise TimeoutError(operation)
            time.sleep(0.02)
            operation = self.operation(operation["id"])
        return operation

    def operation(self, identity):
        with self.house.database.read() as uow:
            return operations.get(uow, identity)

    def get(self, name, version):
        with self.house.database.read() as uow:
            return models.get(uow, online.CALLER, "default", name, version)

    def until(self, condition, timeout_s=30):
        end = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > end:
                raise TimeoutError("never true")
            time.sleep(0.02)


@pytest.fixture
def desk(house):
    made = Desk(house)
    yield made
    made.stop()
    for job in made.means.runner.list():
        made.means.runner.cancel(job)
        made.means.runner.wait(job, timeout_s=30)


@pytest.fixture
def isolated_desk(home):
    made = Desk(open_house(home, isolation_uid=64321))
    yield made
    made.stop()
    made.house.database.close()
