"""One replica of a given size: started under real limits, loaded, measured, ended. Called by `work`.

The replica is a service as every deployment's; the load is a job of the server's own Python, because a user's environment
must run nothing as the server's user.
"""

import contextlib
import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from zaffre.contracts import online_deployment as contract
from zaffre.core import errors
from zaffre.server.compute import jobs, outputs, ports
from zaffre.server.endpoints.online import facts, replicas, settings
from zaffre.server.profiling import reading, recommending, usage

_TOOL = "zaffre_runtime.tools.load"
_ASKED, _RESULT = "task.json", "result.json"
_LOOK_S = 0.1
_MOST_RESULT = 64 << 20
_WARM_UP, _WARM_UP_S = 20, 2.0
_LOAD_S = 5.0
_FEWEST, _MOST = 50, 5000

Check = Callable[[], None]


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is profiled. `id` names its processes, `bodies` is the file of the bodies, `rows` how many there are."""

    id: str
    workspace: str
    deployment: contract.OnlineDeployment
    prepared: replicas.Prepared
    resolved: dict[str, Any]
    bodies: Path
    rows: int
    # Values of its environment variables that are secrets.
    secrets: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)


@dataclasses.dataclass(frozen=True)
class Size:
    """Limits of a replica."""

    cpu: float
    memory_in_gb: float

    @property
    def limits(self) -> ports.Limits:
        """As the runner is told."""
        return ports.Limits(cpu_cores=self.cpu, memory_bytes=int(self.memory_in_gb * recommending.GB))


class Trial:
    """Tries sizes of one subject. `check` raises when it shall not go on."""

    def __init__(
        self, services: ports.ServiceRunner, runner: jobs.JobRunner, subject: Subject, check: Check
    ) -> None:
        self._services = services
        self._jobs = runner
        self._subject = subject
        self._check = check
        self._count = 0
        self.start_limit_s = 300.0
        """How long a replica may take to be ready; the caller lowers it once it knows how long a large one takes."""

    def one_client(self, size: Size) -> tuple[float, float]:
        """Milliseconds of an answer when one client waits for each, and seconds until ready. Raises what went wrong."""
        try:
            with self._replica(size) as (_, start_s, socket):
                answer = self._load(socket, mode="closed", requests=_MOST, limit_s=_WARM_UP_S)
        except _UnfitError as unfit:
            lines = "\n".join(unfit.last_lines[-20:])
            raise errors.Invalid(
                f"The model does not run in the largest size, {size.cpu:g} cores and {size.memory_in_gb:g} GB:"
                f" {unfit.reason}.\n{lines}".rstrip(),
                hint="Give it more (--cpu, --memory), or see in its last lines what is wrong.",
            ) from unfit
        found = answer["latencies_ms"]
        if not found:
            raise errors.Invalid(
                f"No request was answered with 200; the answers were {_counted(answer['statuses'])}.",
                hint="Try the bodies on an endpoint first: they must be what the model takes.",
            )
        return sum(found) / len(found), start_s

    def run(self, size: Size, rate: float) -> recommending.Run:
        """The size under an open-loop load; what goes wrong is in the run."""
        empty = recommending.Run(size.cpu, size.memory_in_gb)
        try:
            with self._replica(size) as (pid, start_s, socket):
                self._load(socket, mode="closed", requests=_WARM_UP, limit_s=_WARM_UP_S)
                measured = usage.Usage(pid)
                count = int(min(max(rate * _LOAD_S, _FEWEST, self._subject.rows), _MOST))
                answer = self._load(socket, mode="open", rate=rate, requests=count, look=measured.look)
        except _UnfitError as unfit:
            return dataclasses.replace(empty, problem=unfit.reason, last_lines=unfit.last_lines)
        return dataclasses.replace(
            empty,
            latencies_ms=tuple(answer["latencies_ms"]),
            sent=answer["sent"],
            seconds=answer["seconds"],
            max_cpu=measured.max_cpu,
            max_memory_bytes=measured.max_memory_bytes,
            start_s=start_s,
        )

    def clean(self) -> None:
        """End whatever of this subject still runs."""
        for service_id in self._services.list():
            if service_id.startswith(f"{self._subject.id}."):
                self._services.kill(service_id)
                self._services.remove(service_id)

    @contextlib.contextmanager
    def _replica(self, size: Size) -> Iterator[tuple[int, float, Path]]:
        self._count += 1
        service_id = f"{self._subject.id}.{self._count}"
        paths = self._services.paths(service_id)
        began = time.monotonic()
        self._services.start(self._spec(service_id, paths, size))
        try:
            pid = self._await_ready(service_id)
            yield pid, time.monotonic() - began, paths.socket
            status = self._services.status(service_id)
            if status.state != "running":
                raise _UnfitError.of(status)
        finally:
            self._services.kill(service_id)
            self._services.remove(service_id)

    def _spec(self, service_id: str, paths: ports.ServicePaths, size: Size) -> ports.ServiceSpec:
        place = replicas.Place(
            paths=paths,
            binds=self._services.capabilities().binds,
            start_timeout_s=self.start_limit_s,
            limits=size.limits,
        )
        made = replicas.spec(
            facts.Slot(self._subject.id, 0, 0),
            self._subject.deployment,
            self._subject.prepared,
            place,
            workspace=self._subject.workspace,
            resolved=self._subject.prepared.resolved or self._subject.resolved,
        )
        return dataclasses.replace(
            made,
            id=service_id,
            limits=size.limits,
            restart=ports.Restart(policy="never"),
            secret_environment=self._subject.secrets,
        )

    def _await_ready(self, service_id: str) -> int:
        while True:
            status = self._services.status(service_id)
            if status.alive and not status.limits_enforced:
                raise errors.Unsupported(
                    f"A profile needs limits that hold, and this machine sets none: {status.limits_reason}.",
                    hint="Run the server as root where control groups may be written.",
                )
            if status.state == "running" and status.pid:
                return status.pid
            if not status.alive:
                raise _UnfitError.of(status)
            time.sleep(_LOOK_S)
            self._check()

    def _load(self, socket: Path, *, look: Callable[[], None] | None = None, **asked: Any) -> dict[str, Any]:
        """Run the load as a job; what it answers."""
        self._count += 1
        job_id = f"{self._subject.id}.load.{self._count}"
        timeout_s = (settings.requests(self._subject.deployment).request_timeout_ms or 5000) / 1000
        told = {"socket": str(socket), "bodies": str(self._subject.bodies), "timeout_s": timeout_s, **asked}
        self._jobs.start(_job(self._jobs, job_id, told))
        try:
            while not self._jobs.wait(job_id, timeout_s=_LOOK_S):
                if look:
                    look()
                self._check()
            answer: dict[str, Any] = json.loads(
                outputs.read(self._jobs.outputs(job_id), _RESULT, limit=_MOST_RESULT)
            )
        except (errors.NotFound, ValueError) as error:
            raise errors.Unavailable(f"The load ended: {self._jobs.status(job_id).reason}.") from error
        finally:
            self._jobs.cancel(job_id)
            self._jobs.wait(job_id, timeout_s=10)
            self._jobs.remove(job_id)
        if "error" in answer:
            raise _UnfitError(str(answer["error"].get("detail")))
        return answer


class _UnfitError(Exception):
    """A size at which the replica did not come up, or did not stay."""

    def __init__(self, reason: str, last_lines: tuple[str, ...] = ()) -> None:
        super().__init__(reason)
        self.reason, self.last_lines = reason, last_lines

    @classmethod
    def of(cls, status: ports.ServiceStatus) -> "_UnfitError":
        """From how the service ended."""
        ending = status.last_exit
        return cls(
            status.reason or (ending.reason if ending else status.state), ending.last_lines if ending else ()
        )


def _job(runner: jobs.JobRunner, job_id: str, told: dict[str, Any]) -> jobs.JobSpec:
    return jobs.JobSpec(
        id=job_id,
        argv=(sys.executable, "-E", "-s", str(reading.BOOT), _TOOL),
        environment={"ZAFFRE_TASK": str(runner.files(job_id) / _ASKED), "LANG": "C.UTF-8"},
        files={_ASKED: json.dumps(told)},
        isolate=False,
        timeout_s=600,
    )


def _counted(statuses: dict[str, int]) -> str:
    return ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items())) or "none"
