"""A house whose replicas are real processes, and a few scripts for them to run."""

import time

import httpx
import pytest

from zaffre.contracts import environment, online_deployment, online_endpoint
from zaffre.contracts import model as model_contract
from zaffre.server import operations
from zaffre.server.compute import gpus
from zaffre.server.compute import service as compute
from zaffre.server.endpoints.online import deployments, keys, logs, service
from zaffre.server.registry.environments import service as environments
from zaffre.server.registry.models import service as models
from zaffre.testing import folders, load, online

SCRIPT = """
import json, os, time
def init():
    global word
    print("init of", {word!r}, flush=True)
    word = {word!r}
    {init}
def run(raw_data):
    time.sleep(json.loads(raw_data or "{{}}").get("wait_s", 0))
    return {{"word": word, "pid": os.getpid(), "model": open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.txt")).read()}}
"""

PATIENT = {
    "max_concurrent_requests_per_instance": 8,
    "max_queue_wait_ms": 30_000,
    "request_timeout_ms": 30_000,
}
"""However slow the machine is, a request that waits for a process is answered."""


@pytest.fixture
def home():
    with folders.short() as folder:
        yield folder


def open_house(home, **options):
    built = online.open_new(home, **options)
    built.loop.start()
    return built


@pytest.fixture
def house(home):
    built = open_house(home)
    yield built
    built.tear_down()


@pytest.fixture
def open_desk(home):
    """A function that opens a desk in a house of the test's own wishes."""
    built = []

    def make(**options):
        built.append(open_house(home, **options))
        return Desk(built[-1])

    yield make
    for house in built:
        house.tear_down()


@pytest.fixture
def hasty_desk(home):
    """A desk in a house that gives a replica little time to start."""
    built = open_house(home, start_timeout_s=2.0)
    yield Desk(built)
    built.tear_down()


@pytest.fixture
def isolated_desk(home):
    """A desk in a house whose replicas run as another user."""
    built = open_house(home, isolation_uid=64321)
    yield Desk(built)
    built.tear_down()


@pytest.fixture
def small_desk(home):
    """A desk on a machine of two cores and two GPUs."""
    machine = compute.Machine(2, 8 << 30, (gpus.Gpu("0"), gpus.Gpu("1")))
    built = open_house(home, machine=machine)
    desk = Desk(built)
    desk.machine = machine
    yield desk
    built.tear_down()


class Desk:
    """What a user does, in few words; waits for every operation."""

    def __init__(self, house):
        self.house = house
        with house.database.write() as uow:
            self.environment = environments.create(
                uow,
                online.CALLER,
                "default",
                environment.Environment(name="sk", conda_file={"dependencies": ["python=3.11"]}),
            )

    def model(self, text="weights 1"):
        address = self.house.tree({"model.txt": text.encode()})
        with self.house.database.write() as uow:
            made = models.create(
                uow, online.CALLER, "default", model_contract.Model(name="churn", path=f"{address}/model.txt")
            )
        return f"azureml:churn:{made.version}"

    def endpoint(self, name="churn", **fields):
        with self.house.database.write() as uow:
            _, operation = service.put(
                uow,
                online.CALLER,
                self.house.room,
                "default",
                online_endpoint.ManagedOnlineEndpoint(name=name, **fields),
            )
        return self.wait(operation)

    def deployment(self, name="blue", *, word="hello", init="pass", model=None, **fields):
        code = self.house.tree({"code/score.py": SCRIPT.format(word=word, init=init).encode()})
        return online_deployment.ManagedOnlineDeployment(
            **{
                "name": name,
                "endpoint_name": "churn",
                **({"model": model or self.model()} if model or "zaffre" not in fields else {}),
                "environment": "azureml:sk:1",
                "code_configuration": {"code": f"{code}/code", "scoring_script": "score.py"},
                "instance_type": "Standard_DS3_v2",
                "request_settings": PATIENT,
                **fields,
            }
        )

    def kubernetes_deployment(self, **fields):
        plain = self.deployment().to_wire()
        del plain["type"]
        return online_deployment.KubernetesOnlineDeployment(**{**plain, **fields})

    def begin(self, deployment, *, all_traffic=False):
        with self.house.database.write() as uow:
            return deployments.put(
                uow, online.CALLER, self.house.room, "default", deployment, all_traffic=all_traffic
            )[1]

    def deploy(self, deployment, *, all_traffic=False):
        return self.wait(self.begin(deployment, all_traffic=all_traffic))

    def show(self, name="blue"):
        with self.house.database.read() as uow:
            return deployments.get(uow, online.CALLER, "default", "churn", name)[0]

    def show_endpoint(self, name="churn"):
        with self.house.database.read() as uow:
            return service.get(uow, online.CALLER, self.house.room, "default", name)[0]

    def rollback(self, name="blue"):
        with self.house.database.write() as uow:
            operation = deployments.rollback(uow, online.CALLER, "default", "churn", name)[1]
        return self.wait(operation)

    def delete(self, name="blue"):
        with self.house.database.write() as uow:
            operation = deployments.delete(uow, online.CALLER, "default", "churn", name)
        return self.wait(operation)

    def traffic(self, traffic, **fields):
        endpoint = online_endpoint.ManagedOnlineEndpoint(name="churn", traffic=traffic, **fields)
        with self.house.database.write() as uow:
            operation = service.put(uow, online.CALLER, self.house.room, "default", endpoint)[1]
        return self.wait(operation)

    def regenerate(self, kind):
        with self.house.database.write() as uow:
            operation = keys.regenerate(
                uow, online.CALLER, self.house.room, "default", "churn", key_type=kind
            )
        return self.wait(operation)

    def revisions(self, name="blue"):
        with self.house.database.read() as uow:
            return deployments.revisions(uow, online.CALLER, "default", "churn", name)

    def logs(self, name="blue"):
        with self.house.database.read() as uow:
            found = logs.sources(uow, online.CALLER, "default", "churn", name)
        return logs.read(self.house.runner, self.house.preparations, found)

    def url(self):
        return f"{self.house.router.url}/default/churn/"

    def get(self, url, key="none"):
        return httpx.get(url, headers={"authorization": f"Bearer {key}"}, timeout=60)

    def wait(self, operation, timeout_s=180):
        """The operation when it has ended."""
        deadline = time.monotonic() + timeout_s
        while operation["state"] == "Running":
            if time.monotonic() > deadline:
                raise TimeoutError(f"{operation} {self.house.runner.list()}")
            time.sleep(0.02)
            operation = self.look(operation)
        return operation

    def look(self, operation):
        """The operation as it is now."""
        with self.house.database.read() as uow:
            return operations.get(uow, operation["id"])

    def until(self, condition, timeout_s=120):
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise TimeoutError("never true")
            time.sleep(0.02)

    def keys(self):
        with self.house.database.read() as uow:
            return keys.show(uow, online.CALLER, self.house.room, "default", "churn")

    def call(self, body=None, headers=None):
        fields = {"authorization": f"Bearer {self.keys()['primary_key']}", **(headers or {})}
        return httpx.post(
            f"{self.house.router.url}/default/churn/score", json=body or {}, headers=fields, timeout=60
        )

    def steady(self, connections=4, body=b"{}"):
        headers = {"authorization": f"Bearer {self.keys()['primary_key']}"}
        url = f"{self.house.router.url}/default/churn/score"
        return load.Load(url, headers=headers, connections=connections, body=body)


@pytest.fixture
def desk(house):
    return Desk(house)
