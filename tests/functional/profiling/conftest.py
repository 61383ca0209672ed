"""A house with a worker of tasks, and a desk to ask it for profiles."""

import os

import pytest

from zaffre.contracts import environment
from zaffre.contracts import profile as contract
from zaffre.server.profiling import service
from zaffre.server.registry.environments import service as environments
from zaffre.testing import folders, online, tooling


@pytest.fixture
def home():
    with folders.short() as folder:
        yield folder


@pytest.fixture
def house(home):
    built = online.open_new(home)
    yield built
    built.database.close()


@pytest.fixture
def isolated_house(home):
    """Whose jobs run under another uid, where this user may."""
    built = online.open_new(home, isolation_uid=64321 if os.geteuid() == 0 else None)
    yield built
    built.database.close()


class Desk(tooling.Desk):
    """What a user asks for."""

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


@pytest.fixture
def desk(house):
    made = Desk(house)
    yield made
    made.stop()
    for service_id in made.house.runner.list():
        made.house.runner.kill(service_id)
