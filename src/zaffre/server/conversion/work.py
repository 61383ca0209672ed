"""Does conversions: environment, files, one job, and then the new version in one transaction with its event.

Called by the worker of tasks on a thread of its own, again after a restart: the job is then found by its id, never run
twice. The model is loaded by the job alone.
"""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zaffre.contracts import events as catalogue
from zaffre.contracts import manifests
from zaffre.contracts import model as model_contract
from zaffre.core import errors
from zaffre.server import access, db, events, operations
from zaffre.server.artifacts import placing
from zaffre.server.artifacts import service as artifacts
from zaffre.server.compute import jobs, outputs, ports
from zaffre.server.conversion import asking, telling
from zaffre.server.environments import builds, definitions, errands, resolving
from zaffre.server.registry.models import service as models

Environments = Callable[[str, definitions.Definition, errands.Errand], builds.BuiltEnvironment]
"""Builds an environment: (workspace, definition, for whom)."""
Check = Callable[[], None]
"""Raises when the work shall not go on."""
Progress = Callable[[float, str], None]

_TOOL = "zaffre_runtime.tools.convert"
_ASKED, _RESULT, _FILE = "task.json", "result.json", "model.onnx"
_LOOK_S = 0.2
_MOST_RESULT, _MOST_MODEL = 4 << 20, 8 << 30


@dataclasses.dataclass(frozen=True)
class Means:
    """What it works with. `folder` holds the files of conversions under way, `limits` are those of each job."""

    database: db.Database
    resolver: resolving.Resolver
    environments: Environments
    runner: jobs.JobRunner
    blobs: artifacts.Room
    folder: Path
    limits: ports.Limits = dataclasses.field(default_factory=ports.Limits)


@dataclasses.dataclass(frozen=True)
class Converted:
    """A version that was made, and what the tool said of it."""

    model: model_contract.Model
    facts: dict[str, Any]


def do(means: Means, task: operations.Task, *, check: Check, progress: Progress) -> dict[str, Any]:
    """A task from `service.begin`; returns the operation's result. Raises what ended it."""
    made = convert(means, task.id, task.workspace, task.request, check=check, progress=progress)
    return {"model": f"{made.model.name}:{made.model.version}", **made.facts}


def convert(
    means: Means, job_id: str, workspace: str, request: dict[str, Any], *, check: Check, progress: Progress
) -> Converted:
    """Make the version that a request asks for. The job and its files are gone afterwards, however it ends."""
    try:
        facts = _run(means, job_id, workspace, request, check=check, progress=progress)
        content = means.folder / job_id / _FILE
        outputs.copy(means.runner.outputs(job_id), _FILE, content, limit=_MOST_MODEL)
        made = _register(means, workspace, request, facts, content=content)
    except InterruptedError:
        raise  # the server stops: the next one goes on where this one was
    except BaseException:
        _forget(means, job_id)
        raise
    _forget(means, job_id)
    return made


def _run(
    means: Means, job_id: str, workspace: str, request: dict[str, Any], *, check: Check, progress: Progress
) -> dict[str, Any]:
    source = request["source"]
    progress(0.05, "Preparing the environment that loads the model.")
    _, asked = means.resolver.definition(workspace, request["environment"], source["address"])
    built = means.environments(
        workspace,
        asking.with_converters(asked),
        errands.Errand(lambda line: progress(0.1, f"Preparing the environment: {line.strip()}"), check),
    )
    check()
    folder = _place(means, job_id, workspace, request, check=check)
    means.runner.start(_spec(means, job_id, request, built, folder))
    while not means.runner.wait(job_id, timeout_s=_LOOK_S):
        progress(0.5, _newest_line(means.runner.logs(job_id, lines=1)))
        try:
            check()
        except errors.ZaffreError:
            means.runner.cancel(job_id)
            means.runner.wait(job_id, timeout_s=10)
            raise
    progress(0.9, "Registering the new version.")
    return _answer(means.runner, job_id)


def _place(means: Means, job_id: str, workspace: str, request: dict[str, Any], *, check: Check) -> Path:
    """The model, and the sample if one was given, on disk."""
    folder = means.folder / job_id
    if folder.exists():
        shutil.rmtree(folder)
    means.folder.mkdir(parents=True, exist_ok=True)
    placing.make(folder)
    wanted = {"model": request["source"]["address"]}
    if request["sample"]:
        wanted["sample"] = request["sample"]["address"]
    for name, text in wanted.items():
        address = manifests.parse_address(text)
        with means.database.read() as uow:
            files = artifacts.find(uow, workspace, text).files
        entries = [manifests.FileEntry(path=file.path, size=file.size, digest=file.digest) for file in files]
        above = address.path.rpartition("/")[0]
        placing.fill(folder / name, entries, above, blobs=means.blobs.store, check=check)
    return folder


def _spec(
    means: Means, job_id: str, request: dict[str, Any], built: builds.BuiltEnvironment, folder: Path
) -> jobs.JobSpec:
    asked = request["asked"]
    told = {
        "model_dir": str(folder / "model"),
        "sample": str(folder / "sample") if request["sample"] else None,
        **{name: asked[name] for name in ("rtol", "atol", "opset")},
    }
    return jobs.JobSpec(
        id=job_id,
        argv=(str(built.python), str(built.overlay / "zaffre_boot.py"), _TOOL),
        environment={
            "PATH": f"{built.python.parent}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PYTHONUNBUFFERED": "1",
            "OMP_NUM_THREADS": "1",
            "ORT_DISABLE_TELEMETRY": "1",
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "ZAFFRE_TASK": str(means.runner.files(job_id) / _ASKED),
        },
        files={_ASKED: json.dumps(told)},
        read_only_paths=(str(built.path), str(built.overlay), str(folder)),
        limits=means.limits,
        timeout_s=asked["timeout_s"],
    )


def _answer(runner: jobs.JobRunner, job_id: str) -> dict[str, Any]:
    """What the tool wrote. Raises what it said was wrong, or how it ended without a word."""
    status = runner.status(job_id)
    try:
        answer = json.loads(outputs.read(runner.outputs(job_id), _RESULT, limit=_MOST_RESULT))
    except (errors.ZaffreError, ValueError) as error:
        raise telling.ended(status) from error
    if not isinstance(answer, dict):
        raise telling.ended(status)
    if "error" in answer:
        raise telling.refused(answer["error"])
    if status.state != "succeeded":
        raise telling.ended(status)
    answer["limits_enforced"] = status.limits_enforced
    if not status.limits_enforced:
        answer["limits_note"] = f"cpu and memory of the job were not limited: {status.limits_reason}"
    return answer


def _register(
    means: Means, workspace: str, request: dict[str, Any], facts: dict[str, Any], *, content: Path
) -> Converted:
    said = request["caller"]
    # What the caller may do was asked when the conversion began.
    caller = access.Caller(
        name=said["name"],
        grants=(access.Grant("admin", workspace),),
        reason=said["reason"],
        request_id=said["request_id"],
    )
    digest, size = artifacts.adopt(means.database, caller, means.blobs, content)
    manifest = manifests.Manifest.of([manifests.FileEntry(path=_FILE, size=size, digest=digest)])
    source, asked = request["source"], request["asked"]
    with means.database.write() as uow:
        address = artifacts.create_tree(uow, caller, workspace, manifest)
        wanted = telling.version(asked["name"] or source["name"], f"{address}/{_FILE}", source, facts)
        made = models.create(uow, caller, workspace, wanted)
        events.append(
            uow,
            caller,
            catalogue.ModelConverted(
                name=made.name or "",
                version=made.version or "",
                source_name=source["name"],
                source_version=source["version"],
                to=asked["to"],
                converters={str(key): str(value) for key, value in facts.get("converters", {}).items()},
                opset=int(facts.get("opset") or 0),
                rtol=asked["rtol"],
                atol=asked["atol"],
                largest_difference=float(facts.get("largest_difference") or 0),
                speedup_1=float(facts.get("speedup_1") or 0),
            ),
            workspace=workspace,
            subject=f"models/{made.name}:{made.version}",
        )
    return Converted(made, facts)


def _forget(means: Means, job_id: str) -> None:
    shutil.rmtree(means.folder / job_id, ignore_errors=True)
    try:
        means.runner.remove(job_id)
    except errors.Conflict:
        means.runner.cancel(job_id)


def _newest_line(text: str) -> str:
    return text.strip().rpartition("\n")[2][:300] or "Converting."
