"""Conversions and profiles in a house for tests (`online`): a runner of jobs and the worker of tasks over its parts.

Models are loaded in the Python that runs the tests, which holds scikit-learn and its converter.
"""

import sys
from collections.abc import Callable
from typing import Any

from zaffre.server import operations
from zaffre.server.compute.backends import local_jobs, local_processes
from zaffre.server.conversion import service, work
from zaffre.server.environments import builds, definitions, resolving
from zaffre.server.workers import tasks
from zaffre.testing import online


def same_python(
    workspace: str, _definition: definitions.Definition, log: Callable[[str], None]
) -> builds.BuiltEnvironment:
    """As `online.same_python`, for whatever definition."""
    return online.same_python(workspace, {}, log)[0]


def conversion_means(house: online.House, *, isolation_uid: int | None = None) -> work.Means:
    """What conversions of a house work with."""
    home = house.home
    services = local_processes.LocalServiceRunner(
        home / "jobs", home / "run", python=sys.executable, isolation_uid=isolation_uid, hidden=(home,)
    )
    return work.Means(
        database=house.database,
        resolver=resolving.Resolver(house.database, house.room.curated, house.artifacts.store),
        environments=same_python,
        runner=local_jobs.LocalJobRunner(services),
        blobs=house.artifacts,
        folder=home / "conversions",
    )


def open_tasks(means: work.Means) -> tasks.Tasks:
    """A worker of conversions that is not started."""

    def convert(task: operations.Task, check: Callable[[], None], progress: tasks.Progress) -> dict[str, Any]:
        return work.do(means, task, check=check, progress=progress)

    return tasks.Tasks(means.database, {service.KIND: tasks.Kind(convert, at_once=2)})
