"""Jobs as detached processes of this machine, each below its own shim: a service that is never started again.

Chosen by the composition root. Keeps nothing in memory, as `local_processes` under it does not.
"""

import contextlib
from pathlib import Path

from zaffre.core import errors
from zaffre.server.compute import jobs, ports
from zaffre_runtime.shim import policy

_CANCEL_GRACE_S = 2.0
_OUTPUTS = "outputs"


class LocalJobRunner:
    """Over a runner of services that has a folder for jobs alone."""

    def __init__(self, services: ports.ServiceRunner) -> None:
        self._services = services

    def start(self, spec: jobs.JobSpec) -> None:
        """See the port."""
        with contextlib.suppress(errors.NotFound):
            found = self._services.status(spec.id)
            if found.alive or found.started_at or found.last_exit:
                return
        outputs = str(self.outputs(spec.id))
        self._services.start(
            ports.ServiceSpec(
                id=spec.id,
                argv=spec.argv,
                environment={**spec.environment, "ZAFFRE_OUTPUTS": outputs},
                files=spec.files,
                read_only_paths=spec.read_only_paths,
                isolate=spec.isolate,
                limits=spec.limits,
                restart=ports.Restart(policy="never"),
                time_limit_s=spec.timeout_s,
                log_max_bytes=spec.log_max_bytes,
            )
        )

    def cancel(self, job_id: str) -> None:
        """See the port."""
        if self._services.status(job_id).alive:
            self._services.stop(job_id, drain_s=_CANCEL_GRACE_S)

    def wait(self, job_id: str, *, timeout_s: float) -> bool:
        """See the port."""
        self._services.status(job_id)
        return self._services.wait(job_id, timeout_s=timeout_s)

    def status(self, job_id: str) -> jobs.JobStatus:
        """See the port."""
        found = self._services.status(job_id)
        ending = found.last_exit
        return jobs.JobStatus(
            id=job_id,
            state=_state(found),
            exit_code=found.exit_code,
            reason=found.reason or (ending.reason if ending else ""),
            last_lines=ending.last_lines if ending else (),
            started_at=found.started_at,
            isolated=found.isolated,
            isolation_reason=found.isolation_reason,
            limits_enforced=found.limits_enforced,
            limits_reason=found.limits_reason,
        )

    def list(self) -> list[str]:
        """See the port."""
        return self._services.list()

    def logs(self, job_id: str, *, lines: int | None = None) -> str:
        """See the port."""
        return self._services.logs(job_id, lines=lines)

    def files(self, job_id: str) -> Path:
        """See the port."""
        return self._services.paths(job_id).files

    def outputs(self, job_id: str) -> Path:
        """See the port. The process makes it: the folder above is its own, and is made when it starts."""
        return self._services.paths(job_id).scratch / _OUTPUTS

    def remove(self, job_id: str) -> None:
        """See the port."""
        self._services.remove(job_id)


def _state(found: ports.ServiceStatus) -> jobs.State:
    if found.alive and found.state not in ("exited", "failed", "stopped"):
        return "running"
    if found.state == "stopped":
        return "cancelled"
    if found.state == "failed":
        return "timed_out" if found.last_exit and found.last_exit.reason == policy.TIME_IS_OVER else "failed"
    return "succeeded" if found.exit_code == 0 else "lost"
