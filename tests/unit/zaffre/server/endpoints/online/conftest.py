"""A house in which nothing runs: the services and what the reconciler would write, on SQLite and on PostgreSQL."""

import shutil
import tempfile
from pathlib import Path

import pytest

from zaffre.contracts import environment, workspace
from zaffre.contracts import model as model_contract
from zaffre.contracts import online_deployment as deployment_contract
from zaffre.contracts import online_endpoint as endpoint_contract
from zaffre.server import db
from zaffre.server.access import workspaces
from zaffre.server.app import tables
from zaffre.server.endpoints.online import deployments, outcomes, service, store
from zaffre.server.registry.environments import service as environments
from zaffre.server.registry.models import service as models
from zaffre.testing import online


class Office:
    """Asks for things, and plays the reconciler's part by writing its outcomes."""

    def __init__(self, house):
        self.house = house
        self.room = house.room
        with house.database.write() as uow:
            environments.create(
                uow,
                online.CALLER,
                "default",
                environment.Environment(name="sk", conda_file={"dependencies": ["python=3.11"]}),
            )

    def model(self, text="weights"):
        address = self.house.tree({"model.onnx": text.encode()})
        made = model_contract.Model(name="churn", path=f"{address}/model.onnx")
        with self.house.database.write() as uow:
            return f"azureml:churn:{models.create(uow, online.CALLER, 'default', made).version}"

    def endpoint(self, caller=online.CALLER, **fields):
        wanted = endpoint_contract.ManagedOnlineEndpoint(**{"name": "churn", **fields})
        with self.house.database.write() as uow:
            return service.put(uow, caller, self.room, "default", wanted)[1]

    def settle(self, name="churn"):
        with self.house.database.write() as uow:
            outcomes.settled(uow, ("default", name), store.get_endpoint(uow, ("default", name)).etag)

    def deployment(self, name="blue", caller=online.CALLER, *, all_traffic=False, **fields):
        wanted = deployment_contract.ManagedOnlineDeployment(
            **{"name": name, "endpoint_name": "churn", "instance_type": "Standard_DS3_v2", **fields}
        )
        with self.house.database.write() as uow:
            return deployments.put(uow, caller, self.room, "default", wanted, all_traffic=all_traffic)[1]

    def show(self, name="blue"):
        with self.house.database.read() as uow:
            return deployments.get(uow, online.CALLER, "default", "churn", name)[0]

    def promote(self, name="blue"):
        with self.house.database.write() as uow:
            revision = store.get_deployment(uow, ("default", "churn", name)).wanted
            outcomes.promoted(uow, ("default", "churn", name), revision, made_from={"lock_digest": "e" * 64})
        self.settle()

    def fail(self, name="blue"):
        with self.house.database.write() as uow:
            revision = store.get_deployment(uow, ("default", "churn", name)).wanted
            outcomes.failed(uow, ("default", "churn", name), revision, reason="Boom.", last_lines=["Boom"])


@pytest.fixture
def office(database_url):
    home = Path(tempfile.mkdtemp(prefix="zaffre-test-"))
    database = db.Database(database_url)
    with database.write() as uow:
        tables.metadata().create_all(uow.connection)
        workspaces.create(uow, online.CALLER, workspace.Workspace(name="default"))
    database.close()
    house = online.build(home, database_url, port=1)
    yield Office(house)
    house.preparations.close()
    house.router.close()
    house.database.close()
    shutil.rmtree(home)
