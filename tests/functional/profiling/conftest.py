"""A house with a worker of tasks, and a desk to ask it for profiles."""

import shutil
import socket
import tempfile
import time
from pathlib import Path

import pytest

import zaffre.server.access.workspaces as workspaces
from zaffre.contracts import environment, workspace
from zaffre.contracts import model as model_contract
from zaffre.contracts import profile as contract
from zaffre.server import db, operations
from zaffre.server.app import tables
from zaffre.server.profiling import service
from zaffre.server.registry.environments import service as environments
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

    def script(self, text):
        """A deployment of a script."""
        code = self.house.tree({"code/score.py": text.encode()})
        with self.house.database.write() as uow:
            environments.create(
                uow,
                online.CALLER,
                "default",
                environment.Environment(name="sk", conda_file={"dependencies": ["python=3.11"]}),
            )
        model = self.register({"model.txt": b"weights"}, "churn")
        return {
            "model": f"azureml:churn:{model.version}",
            "environment": "azureml:sk:1",
            "code_configuration": {"code": f"{code}/code", "scoring_script": "score.py"},
            "instance_type": "Standard_DS3_v2",
        }

    def register(self, files, name="iris"):
        address = self.house.tree(files)
        with self.house.database.write() as uow:
            return models.create(
                uow,
                online.CALLER,
                "default",
                model_contract.Model(name=name, path=f"{address}/{next(iter(files))}"),
            )

    def data(self, *bodies):
        return self.house.tree({"rows.jsonl": "\n".join(bodies).encode()}) + "/rows.jsonl"

    def ask(self, **asked):
        with self.house.database.write() as uow:
            return service.begin(
                uow,
                online.CALLER,
                "default",
                asked=contract.Profile.parse({"name": "small", **asked}),
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
    for service_id in made.house.runner.list():
        made.house.runner.kill(service_id)
