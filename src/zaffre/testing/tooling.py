"""The worker of tasks over a house for tests (`online`): conversions and profiles; and a desk to watch its work from."""

from collections.abc import Callable, Mapping
from typing import Any

from zaffre.contracts import model as model_contract
from zaffre.server import operations
from zaffre.server.conversion import service, work
from zaffre.server.profiling import service as profiles
from zaffre.server.profiling import work as profile_work
from zaffre.server.registry.models import service as models
from zaffre.server.workers import tasks
from zaffre.testing import online, waiting


def open_tasks(house: online.House) -> tasks.Tasks:
    """A worker that is not started."""

    def convert(task: operations.Task, check: Callable[[], None], progress: tasks.Progress) -> dict[str, Any]:
        return work.do(house.converting, task, check=check, progress=progress)

    def profile(task: operations.Task, check: Callable[[], None], progress: tasks.Progress) -> dict[str, Any]:
        return profile_work.do(house.profiling, task, check=check, progress=progress)

    kinds = {service.KIND: tasks.Kind(convert, at_once=2), profiles.KIND: tasks.Kind(profile)}
    return tasks.Tasks(house.database, kinds)


class Desk:
    """A house whose worker of tasks runs, and what every test of a task asks; the tests add what they ask for."""

    def __init__(self, house: online.House) -> None:
        self.house = house
        self.worker = open_tasks(house)
        self.worker.loop.start()

    def restart(self) -> None:
        """Another worker in the place of this one, as after a restart of the server."""
        self.stop()
        self.worker = open_tasks(self.house)
        self.worker.loop.start()

    def stop(self) -> None:
        """The worker goes; what it started goes on."""
        self.worker.loop.stop()
        self.worker.close()

    def register(self, files: Mapping[str, bytes], name: str = "iris") -> model_contract.Model:
        """A model of one file or of several."""
        address = self.house.tree(files)
        path = f"{address}/{next(iter(files))}" if len(files) == 1 else address
        with self.house.database.write() as uow:
            return models.create(uow, online.CALLER, "default", model_contract.Model(name=name, path=path))

    def get(self, name: str, version: str) -> model_contract.Model:
        """A registered version."""
        with self.house.database.read() as uow:
            return models.get(uow, online.CALLER, "default", name, version)

    def operation(self, identity: str) -> dict[str, Any] | None:
        """How far a task is."""
        with self.house.database.read() as uow:
            return operations.get(uow, identity)

    def wait(self, operation: Mapping[str, Any], timeout_s: float = 240) -> dict[str, Any]:
        """The record of a task that has ended. Raises Unavailable when it does not."""
        identity = str(operation["id"])
        self.until(lambda: (self.operation(identity) or {}).get("state") != "Running", timeout_s)
        return self.operation(identity) or {}

    def until(self, condition: Callable[[], object], timeout_s: float = 120) -> None:
        """Return once it is so. Raises Unavailable."""
        waiting.until(condition, timeout_s=timeout_s)
