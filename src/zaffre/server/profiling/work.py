"""Does profiles: environment and files as a deployment's, sizes in rising order, the rule, and its proof by one more run.

Called by the worker of tasks on a thread of its own; after a restart a profile begins anew. What was found is attached to the
model's versions as properties.
"""

import dataclasses
import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from zaffre.contracts import events as catalogue
from zaffre.contracts import wire
from zaffre.core import errors
from zaffre.server import access, db, events, operations
from zaffre.server.artifacts import service as artifacts
from zaffre.server.compute import jobs, ports
from zaffre.server.endpoints.online import preparing, starting
from zaffre.server.profiling import reading, recommending, telling, trying
from zaffre.server.registry.models import service as models
from zaffre.server.registry.versioning import changes

_LOOK_S = 0.1
_LEAST_START_S = 30.0
_START_FACTOR = 5.0
_EVIDENCE = (
    "name", "createdTime", "recommendedCpu", "recommendedMemoryInGB", "requestedCpu", "requestedMemoryInGB",
    "maxUtilizedCpu", "maxUtilizedMemoryInGB", "totalQueries", "successRate", "measuredQueriesPerSecond",
    "latencyPercentile50InMs", "latencyPercentile99InMs", "error",
)  # fmt: skip
_PREFIX = "zaffre.profile."
"""Of the properties that are the evidence: always those of one profile, the newest."""

Check = Callable[[], None]
Progress = Callable[[float, str], None]
Facts = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Means:
    """What it works with. `preparations` are its own, so that nobody sweeps what it has placed; `folder` holds the bodies."""

    database: db.Database
    preparations: preparing.Preparations
    services: ports.ServiceRunner
    runner: jobs.JobRunner
    blobs: artifacts.Room
    folder: Path
    secrets_of: starting.SecretsOf


def do(means: Means, task: operations.Task, *, check: Check, progress: Progress) -> Facts:
    """A task from `service.begin`; returns the profile. Raises what ended it, with the failed profile in its fields."""
    head = telling.head(task.request)
    in_time = _limited(check, float(task.request["asked"]["timeout_s"]))
    try:
        found = _profile(means, task, head, check=in_time, progress=progress)
    except errors.ZaffreError as error:
        failed = telling.failed(head, error, task)
        raise type(error)(error.detail, hint=error.hint, **{**error.fields, "profile": failed}) from error
    _attach(means, task, found)
    return found


def _limited(check: Check, limit_s: float) -> Check:
    """The check, which raises TimedOut when the profile's time is over."""
    end = time.monotonic() + limit_s

    def both() -> None:
        check()
        if time.monotonic() > end:
            raise errors.TimedOut(
                f"The profile was ended because its time was over ({limit_s:g} s).",
                hint="Give it more (--timeout), fewer rows, or a smaller largest size.",
            )

    return both


def _profile(means: Means, task: operations.Task, head: Facts, *, check: Check, progress: Progress) -> Facts:
    set_id = f"profile-{task.id[:12]}"
    _clear(means, keep=set_id)
    progress(0.02, "Reading the data.")
    folder = means.folder / set_id
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        rows = reading.read(
            means.database,
            means.blobs,
            means.runner,
            task.request["data"],
            workspace=task.workspace,
            folder=folder,
            check=check,
        )
        (folder / "bodies.json").write_text(json.dumps(rows), encoding="utf-8")
        subject = _subject(means, task, set_id, folder / "bodies.json", rows, check=check, progress=progress)
        trial = trying.Trial(means.services, means.runner, subject, check)
        try:
            return {**head, **_measured(trial, task.request["asked"], progress)}
        finally:
            trial.clean()
    finally:
        means.preparations.forget(set_id)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(means.preparations.folder / set_id, ignore_errors=True)


def _measured(trial: trying.Trial, asked: Facts, progress: Progress) -> Facts:
    """Sizes in rising order until one satisfies the rule, and does so again when it is run once more."""
    largest, memory = float(asked["cpu"]), float(asked["memory_in_gb"])
    progress(0.1, f"One client at {largest:g} cores.")
    alone_ms, start_s = trial.one_client(trying.Size(largest, memory))
    trial.start_limit_s = max(_LEAST_START_S, _START_FACTOR * start_s)
    rate = float(asked["requests_per_second"] or recommending.rate(alone_ms))
    runs: list[recommending.Run] = []
    found: Facts | None = None
    disproved = 0.0
    sizes = recommending.sizes(largest)
    for number, cpu in enumerate(sizes):
        progress(0.15 + 0.6 * number / len(sizes), f"{cpu:g} cores at {rate:.3g} requests a second.")
        runs.append(trial.run(trying.Size(cpu, memory), rate))
        complete = number + 1 == len(sizes)
        while chosen := recommending.decided(
            [run for run in runs if run.cpu > disproved], latency_ms=asked["latency_ms"], complete=complete
        ):
            found = _proved(trial, chosen, runs, rate, asked, progress)
            if found["zaffre"]["recommendationHolds"]:
                return found
            disproved = chosen.cpu
    return found or telling.without(runs, rate)


def _proved(
    trial: trying.Trial,
    chosen: recommending.Run,
    runs: Sequence[recommending.Run],
    rate: float,
    asked: Facts,
    progress: Progress,
) -> Facts:
    """The recommended size, run once more."""
    memory = min(recommending.memory_in_gb(runs), float(asked["memory_in_gb"]))
    progress(0.85, f"Once more with what is recommended: {chosen.cpu:g} cores, {memory:g} GB.")
    again = trial.run(trying.Size(chosen.cpu, memory), rate)
    larger = next((run for run in runs if run.cpu > chosen.cpu), None)
    holds = recommending.suffices(again, larger, latency_ms=asked["latency_ms"])
    return telling.proved(again, runs, rate, memory=memory, holds=holds)


def _subject(
    means: Means,
    task: operations.Task,
    set_id: str,
    file: Path,
    rows: Sequence[str],
    *,
    check: Check,
    progress: Progress,
) -> trying.Subject:
    """Environment and files, prepared as for a deployment."""
    request = task.request
    means.preparations.begin(set_id, task.workspace, request["resolved"])
    while (found := means.preparations.state(set_id)).state == "building":
        progress(0.05, found.reason or "Preparing the environment.")
        time.sleep(_LOOK_S)
        check()
    if found.state != "ready":
        raise errors.Invalid(f"The environment cannot be prepared: {found.reason}")
    return trying.Subject(
        id=set_id,
        workspace=task.workspace,
        deployment=wire.from_answer("online-deployment", request["deployment"]),
        prepared=means.preparations.result(set_id),
        resolved=request["resolved"],
        bodies=file,
        rows=len(rows),
        secrets=means.secrets_of(task.workspace, request["deployment"]),
    )


def _clear(means: Means, *, keep: str) -> None:
    """End what an earlier server left, of this profile and of others: one is done at a time."""
    for service_id in means.services.list():
        if service_id.startswith("profile-"):
            means.services.kill(service_id)
            means.services.remove(service_id)
    for job_id in means.runner.list():
        if job_id.startswith("profile-"):
            means.runner.cancel(job_id)
            means.runner.wait(job_id, timeout_s=10)
            means.runner.remove(job_id)
    for folder in means.folder.iterdir() if means.folder.is_dir() else ():
        if folder.name != keep:
            shutil.rmtree(folder, ignore_errors=True)


def _attach(means: Means, task: operations.Task, found: Facts) -> None:
    """The evidence as properties of every model version, and the event, in one transaction."""
    said = task.request["caller"]
    # What the caller may do was asked when the profile began.
    caller = access.Caller(
        name=said["name"],
        grants=(access.Grant("admin", task.workspace),),
        reason=said["reason"],
        request_id=said["request_id"],
    )
    evidence = {f"{_PREFIX}{key}": str(found[key]) for key in _EVIDENCE if key in found}
    with means.database.write() as uow:
        for model in task.request["resolved"]["models"]:
            name, version = model["name"], model["version"]
            changes.update(
                uow,
                caller,
                models.shelf(task.workspace),
                name,
                version=version,
                changes={"properties": evidence},
                replacing=_PREFIX,
            )
            event = catalogue.ModelProfiled(
                name=name,
                version=version,
                profile=found["name"],
                recommended_cpu=found.get("recommendedCpu"),
                recommended_memory_gb=found.get("recommendedMemoryInGB"),
                queries_per_second=found.get("measuredQueriesPerSecond"),
                latency_p99_ms=found.get("latencyPercentile99InMs"),
            )
            events.append(uow, caller, event, workspace=task.workspace, subject=f"models/{name}:{version}")
