"""What the compute room asks of a place where jobs run; `zaffre.testing.job_runner` says it in tests.

A job is one process that ends: a conversion, a load. It runs once, outlives the control plane, and is found again by its
id. Called by rooms that must let a user's model or script run, through a `JobRunner` that the composition root passes.
"""

import dataclasses
from pathlib import Path
from typing import Literal, Protocol

from zaffre.server.compute import ports

State = Literal["running", "succeeded", "failed", "cancelled", "timed_out", "lost"]
FINAL: frozenset[State] = frozenset({"succeeded", "failed", "cancelled", "timed_out", "lost"})


@dataclasses.dataclass(frozen=True)
class JobSpec:
    """One process to run once. What it sees of the machine is said as for a service (`ports.ServiceSpec`).

    It writes what it makes into `outputs(id)`, which is empty when it starts. After `timeout_s` it is ended.
    """

    id: str
    argv: tuple[str, ...]
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    files: dict[str, str] = dataclasses.field(default_factory=dict)
    read_only_paths: tuple[str, ...] = ()
    isolate: bool = True
    limits: ports.Limits = dataclasses.field(default_factory=ports.Limits)
    timeout_s: float | None = None
    log_max_bytes: int = 16 << 20


@dataclasses.dataclass(frozen=True)
class JobStatus:
    """What is so now. `lost` is a job whose end nobody saw: its keeper was killed, or the machine restarted."""

    id: str
    state: State
    exit_code: int | None = None
    reason: str = ""
    last_lines: tuple[str, ...] = ()
    started_at: str | None = None
    isolated: bool = False
    isolation_reason: str = ""
    limits_enforced: bool = False
    limits_reason: str = ""

    @property
    def ended(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in FINAL


class JobRunner(Protocol):
    """Runs jobs. Every verb may be repeated; ids are any text. Raises `errors.Unavailable` when the place does not work."""

    def start(self, spec: JobSpec) -> None:
        """Run it, unless a job of this id runs or has run: no job ever runs twice. Raises `errors.Invalid`."""
        ...

    def cancel(self, job_id: str) -> None:
        """End it; returns at once. One that has ended stays as it is. Raises `errors.NotFound`."""
        ...

    def wait(self, job_id: str, *, timeout_s: float) -> bool:
        """Whether it ended within the time. Raises `errors.NotFound`."""
        ...

    def status(self, job_id: str) -> JobStatus:
        """What is so now. Raises `errors.NotFound`."""
        ...

    def list(self) -> list[str]:
        """The ids of all jobs, also of those that another server process started, sorted."""
        ...

    def logs(self, job_id: str, *, lines: int | None = None) -> str:
        """Its output. Raises `errors.NotFound`."""
        ...

    def files(self, job_id: str) -> Path:
        """Where the process finds the `files` of its spec; known before it starts."""
        ...

    def outputs(self, job_id: str) -> Path:
        """The folder it writes to; known before it starts. Names in it are the job's: read them by `outputs.read`."""
        ...

    def remove(self, job_id: str) -> None:
        """Forget it, logs and outputs included. An unknown id is no error. Raises `errors.Conflict` while it runs."""
        ...
