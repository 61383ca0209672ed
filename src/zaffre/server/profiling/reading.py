"""The bodies of a profile from where they are stored. Parquet files are a job's to read: what is in them is a caller's.

Called by `work`; what the other forms mean is in `bodies`.
"""

import json
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import zaffre_runtime
from zaffre.core import errors
from zaffre.server import db
from zaffre.server.artifacts import placing
from zaffre.server.artifacts import service as artifacts
from zaffre.server.compute import jobs, outputs, ports
from zaffre.server.profiling import bodies

BOOT = Path(zaffre_runtime.__file__).with_name("zaffre_boot.py")
_TOOL = "zaffre_runtime.tools.parquet"
_ASKED, _RESULT = "task.json", "result.json"
_LOOK_S = 0.1
_TIMEOUT_S = 120.0
_MOST_MEMORY = 2 << 30
_MOST_RESULT = 4 * bodies.MOST_BYTES  # a character may take six in JSON, most take one

Check = Callable[[], None]


def read(
    database: db.Database,
    blobs: artifacts.Room,
    runner: jobs.JobRunner,
    data: Mapping[str, str],
    *,
    workspace: str,
    folder: Path,
    check: Check,
) -> list[str]:
    """The bodies. `folder` is the profile's own. Raises what is wrong with them."""
    with database.read() as uow:
        place = artifacts.find(uow, workspace, data["address"])
    if sum(file.size for file in place.files) > bodies.MOST_BYTES:
        raise errors.TooLarge(
            f"{data['said']} is larger than a profile takes ({bodies.MOST_BYTES >> 20} MiB)."
        )
    files: dict[str, bodies.File] = {
        file.path: b"".join(blobs.store.read(file.digest)) for file in place.files
    }
    tables = [name for name in files if bodies.is_parquet(name)]
    if tables:
        files.update(_tables(runner, files, tables, folder=folder, check=check))
    return bodies.read(files, what=data["said"])


def _tables(
    runner: jobs.JobRunner,
    files: Mapping[str, bodies.File],
    names: Sequence[str],
    *,
    folder: Path,
    check: Check,
) -> dict[str, bodies.File]:
    place = folder / "tables"
    placing.make(place)
    placed = {}
    for number, name in enumerate(names):
        content = files[name]
        assert isinstance(content, bytes)
        placed[name] = place / f"{number}.parquet"
        placed[name].write_bytes(content)
        placed[name].chmod(0o644)
    try:
        found = _asked(runner, f"{folder.name}.tables", placed, place, check)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return {name: _table(found[name]) for name in names}


def _asked(
    runner: jobs.JobRunner, job_id: str, placed: Mapping[str, Path], place: Path, check: Check
) -> dict[str, Any]:
    told = {
        "files": {name: str(path) for name, path in placed.items()},
        "most_rows": bodies.MOST_ROWS,
        "most_bytes": bodies.MOST_BYTES,
    }
    runner.start(
        jobs.JobSpec(
            id=job_id,
            argv=(sys.executable, "-E", "-s", str(BOOT), _TOOL),
            environment={"ZAFFRE_TASK": str(runner.files(job_id) / _ASKED), "LANG": "C.UTF-8"},
            files={_ASKED: json.dumps(told)},
            read_only_paths=(str(BOOT.parent), str(place)),
            limits=ports.Limits(cpu_cores=None, memory_bytes=_MOST_MEMORY),
            timeout_s=_TIMEOUT_S,
        )
    )
    try:
        while not runner.wait(job_id, timeout_s=_LOOK_S):
            check()
        answer = json.loads(outputs.read(runner.outputs(job_id), _RESULT, limit=_MOST_RESULT))
    except (errors.NotFound, ValueError) as error:
        reason = runner.status(job_id).reason
        raise errors.Invalid(
            f"The Parquet files cannot be read: the process that did ended: {reason}."
        ) from error
    finally:
        runner.cancel(job_id)
        runner.wait(job_id, timeout_s=10)
        runner.remove(job_id)
    if "error" in answer:
        raise errors.from_problem(answer["error"])
    found: dict[str, Any] = answer["tables"]
    return found


def _table(said: Mapping[str, Any]) -> bodies.Parquet:
    columns = [(str(name), str(kind)) for name, kind in said["columns"]]
    return bodies.Parquet(
        columns=tuple(name for name, _ in columns),
        is_text=bool(columns) and columns[0][1] == "text",
        count=int(said["count"]),
        rows=tuple(map(str, said["rows"])),
    )
