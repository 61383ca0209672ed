"""The worker of tasks over a house for tests (`online`): conversions and profiles."""

from collections.abc import Callable
from typing import Any

from zaffre.server import operations
from zaffre.server.conversion import service, work
from zaffre.server.profiling import service as profiles
from zaffre.server.profiling import work as profile_work
from zaffre.server.workers import tasks
from zaffre.testing import online


def open_tasks(house: online.House) -> tasks.Tasks:
    """A worker that is not started."""

    def convert(task: operations.Task, check: Callable[[], None], progress: tasks.Progress) -> dict[str, Any]:
        return work.do(house.converting, task, check=check, progress=progress)

    def profile(task: operations.Task, check: Callable[[], None], progress: tasks.Progress) -> dict[str, Any]:
        return profile_work.do(house.profiling, task, check=check, progress=progress)

    kinds = {service.KIND: tasks.Kind(convert, at_once=2), profiles.KIND: tasks.Kind(profile)}
    return tasks.Tasks(house.database, kinds)
