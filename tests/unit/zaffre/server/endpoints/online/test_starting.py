"""Who is told of which GPUs when it starts."""

import datetime as dt
import types
from pathlib import Path

import pytest

from zaffre.core import errors
from zaffre.server.compute import instance_types, ports, service
from zaffre.server.endpoints.online import facts, materials, observing, replicas, starting

TYPES = instance_types.InstanceTypes()
SIZES = starting.Sizes(lambda name: service.limits_of(TYPES, name), lambda name: service.gpus_of(TYPES, name))


class Runner:
    """Remembers what it was told to start."""

    def __init__(self):
        self.started = {}

    def paths(self, service_id):
        folder = Path("/run/x") / service_id
        return ports.ServicePaths(
            folder / "s", folder / "d", folder / "files", folder / "scratch", folder / "log"
        )

    def capabilities(self):
        return ports.Capabilities(isolation=False, binds=False)

    def start(self, spec):
        self.started[spec.id] = spec


class Preparations:
    """Everything is prepared."""

    def result(self, _):
        placed = materials.Materials(folder=Path("/m"), models=Path("/m/models"), code=None)
        nothing = {"python": Path("/e/bin/python"), "overlay": Path("/o"), "environment": Path("/e")}
        return replicas.Prepared(**nothing, lock_digest="", environment_note=None, materials=placed)


class Shop:
    """Starts deployments by name on a machine with three GPUs."""

    def __init__(self, gpus=("0", "1", "2")):
        self.runner = Runner()
        self.starter = starting.Starter(self.runner, Preparations(), SIZES, start_timeout_s=9, gpus=gpus)
        self.rows = {}

    def start(self, name, worker=0, **body):
        slot = facts.Slot(name, 0, worker)
        plain = {"type": "kubernetes", "name": "blue", "endpoint_name": "churn", "model": "azureml:m:1"}
        self.rows[name] = types.SimpleNamespace(
            id=name,
            body={**plain, **body},
            workspace="default",
            resolved={"models": [], "code": None},
            created_at=dt.datetime.now(dt.UTC),
        )
        self.starter.start(observing.Asked((), (), self.rows), slot)
        spec = self.runner.started[slot.service_id]
        return spec.devices, spec.environment.get("CUDA_VISIBLE_DEVICES")


def asking(number):
    return {"resources": {"limits": {"nvidia.com/gpu": str(number)}}}


def test_by_number_by_size_and_none():
    shop = Shop()
    assert shop.start("r00", **asking(2)) == (("0", "1"), "0,1")
    assert shop.start("r01") == ((), "")
    assert shop.start("r02", instance_type="Standard_NC12s_v3") == (
        ("2",),
        "2",
    )  # of the two that it has on Azure
    assert shop.start("r03", instance_type="Standard_NC6s_v3") == ((), "")
    with pytest.raises(errors.Unavailable, match="waits for 1 GPUs"):
        shop.start("r04", **asking(1))


def test_a_variable_of_the_user_s_own_opens_no_door():
    shop = Shop()
    variables = {"environment_variables": {"CUDA_VISIBLE_DEVICES": "0,1,2"}}
    assert shop.start("r00", **variables) == ((), "")
    assert shop.start("r01", **variables, **asking(1)) == (("0",), "0")


def test_where_there_are_none_nothing_is_said():
    assert Shop(gpus=()).start("r00") == ((), None)
    own = {"environment_variables": {"CUDA_VISIBLE_DEVICES": "7"}}
    assert Shop(gpus=()).start("r01", **own) == ((), "7")


def test_workers_share_their_limits():
    shop = Shop()
    two = {"environment_variables": {"WORKER_COUNT": "2"}, "instance_type": "Standard_F2s"}
    shop.start("r00", worker=1, **two)
    shop.start("r01", instance_type="Standard_F2s")
    assert shop.runner.started["r00.0.1"].limits_shared == "r00.0"
    assert shop.runner.started["r01.0.0"].limits_shared == ""
