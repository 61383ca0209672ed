"""Puts together what conversions and profiles need: a runner of jobs, and the worker that does tasks."""

from collections.abc import Callable
from typing import Any

from zaffre.core import settings
from zaffre.server import access, db, operations
from zaffre.server.app import home as homes
from zaffre.server.app import runners
from zaffre.server.artifacts import service as artifacts
from zaffre.server.compute import ports
from zaffre.server.compute import service as compute
from zaffre.server.conversion import service as conversions
from zaffre.server.conversion import work as conversion_work
from zaffre.server.environments import builds, definitions, errands, resolving, workshop
from zaffre.server.environments import service as locks
from zaffre.server.profiling import service as profiles
from zaffre.server.profiling import work as profile_work
from zaffre.server.workers import tasks

_CALLER = access.system("conversions")


def conversion_means(
    configured: settings.Settings,
    home: homes.Home,
    database: db.Database,
    *,
    shop: workshop.Workshop,
    blobs: artifacts.Room,
) -> conversion_work.Means:
    """What conversions work with."""

    def build(
        workspace: str, definition: definitions.Definition, errand: errands.Errand
    ) -> builds.BuiltEnvironment:
        subject = locks.subject_of_definition(definition)
        return shop.build(_CALLER, workspace, subject, definition, errand=errand)[1]

    return conversion_work.Means(
        database=database,
        resolver=resolving.Resolver(database, shop.table, blobs.store),
        environments=build,
        runner=runners.open_jobs(configured, home),
        blobs=blobs,
        folder=home.path / "conversions",
        limits=_limits(configured),
    )


def _limits(configured: settings.Settings) -> ports.Limits:
    """Of a job that loads a user's model: what was set, else the machine without the room that others need."""
    machine = compute.machine()
    return ports.Limits(
        cpu_cores=configured.conversion_cpu_cores or float(machine.cpu_cores),
        memory_bytes=configured.conversion_memory_bytes or machine.memory_bytes * 3 // 4,
    )


def open_tasks(
    database: db.Database, converting: conversion_work.Means, profiling: profile_work.Means
) -> tasks.Tasks:
    """The worker of tasks."""

    def convert(task: operations.Task, check: Callable[[], None], progress: tasks.Progress) -> dict[str, Any]:
        return conversion_work.do(converting, task, check=check, progress=progress)

    def profile(task: operations.Task, check: Callable[[], None], progress: tasks.Progress) -> dict[str, Any]:
        return profile_work.do(profiling, task, check=check, progress=progress)

    kinds = {conversions.KIND: tasks.Kind(convert, at_once=2), profiles.KIND: tasks.Kind(profile)}
    return tasks.Tasks(database, kinds)
