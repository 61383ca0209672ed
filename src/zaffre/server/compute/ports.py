"""What the compute room asks of a place where services run; `zaffre.testing.service_runner` says it in tests.

Called by the endpoints room through a `ServiceRunner` that the composition root passes. A service is one process
that stays: a replica, the router. It outlives the control plane and is found again by its id.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Protocol

State = Literal["starting", "running", "asleep", "backoff", "stopping", "exited", "failed", "stopped"]
RestartPolicy = Literal["always", "on-failure", "never"]


@dataclasses.dataclass(frozen=True)
class Probe:
    """HTTP GET of `path` on the service's socket (of an isolated service: that of `listen`), or on `host:port` when a port is given; 200 to 399 is success.

    Until the first success it looks every 100 ms; the periods hold afterwards.
    """

    path: str = "/"
    host: str = "127.0.0.1"
    port: int | None = None
    initial_delay_s: float = 10
    period_s: float = 10
    timeout_s: float = 2
    success_threshold: int = 1
    failure_threshold: int = 30


@dataclasses.dataclass(frozen=True)
class Restart:
    """When a process that ended is started again, and after what pause.

    An exit code of `fatal_exit_codes` ends a service that was never ready as `failed`; so does a start that takes
    longer than `start_timeout_s`. Once ready, it is always worth another try.
    """

    policy: RestartPolicy = "always"
    backoff_s: float = 0.5
    backoff_max_s: float = 60.0
    stable_s: float = 30.0
    max_restarts: int | None = None
    fatal_exit_codes: tuple[int, ...] = (3, 4)


@dataclasses.dataclass(frozen=True)
class Limits:
    """Upper limits, held where the machine lets us (`ServiceStatus.limits_enforced`)."""

    cpu_cores: float | None = None
    memory_bytes: int | None = None


@dataclasses.dataclass(frozen=True)
class ServiceSpec:
    """One process to keep alive. Two specs are the same when they are equal.

    Services with an equal `limits_shared` are within their limits together.
    `devices` are the ids of GPUs that it was given: nothing here uses them, `status` tells them to whoever counts.
    `secret_environment` is told to the process and written nowhere; a process that runs keeps what it started with.
    `files` (name -> text) are written where only the process reads them, at `paths(id).files / name`.
    With `listen` the place opens the service's socket and hands it to the process as a descriptor, whose number is in
    `ZAFFRE_LISTEN_FD`; it lives on while the process is started again, so that callers wait and are not refused.
    `kept_address` is one that the process opens itself (with SO_REUSEPORT); while it is started again the place keeps it open, and
    gives those that connected meanwhile to the next process.
    `liveness` failing too often ends the process; `readiness` (with `listen`) hides the socket's answering name until it is over.
    When isolated, the process sees system folders, its own folders, `read_only_paths` (with what lies below
    them readable by others), `writable_paths`, and each `binds` source at its target, read-only. An attempt that runs
    longer than `time_limit_s` is ended.
    """

    id: str
    argv: tuple[str, ...]
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    secret_environment: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False, compare=False)
    cwd: str | None = None
    files: dict[str, str] = dataclasses.field(default_factory=dict)
    read_only_paths: tuple[str, ...] = ()
    writable_paths: tuple[str, ...] = ()
    binds: tuple[tuple[str, str], ...] = ()
    listen: bool = False
    kept_address: tuple[str, int] | None = None
    devices: tuple[str, ...] = ()
    isolate: bool = True
    limits: Limits = Limits()
    limits_shared: str = ""
    restart: Restart = Restart()
    liveness: Probe | None = None
    readiness: Probe | None = None
    start_timeout_s: float | None = None
    time_limit_s: float | None = None
    log_max_bytes: int = 64 << 20


@dataclasses.dataclass(frozen=True)
class ServicePaths:
    """Where a service's things are; known before it starts. The socket's folder exists while the service lives.

    With `ServiceSpec.listen` both names lead to one socket: `socket` is there only while the process answers, `door` also
    while it is started again, when whoever connects there waits.
    """

    socket: Path
    door: Path
    files: Path
    scratch: Path
    log: Path


@dataclasses.dataclass(frozen=True)
class LastExit:
    """How the newest ended attempt ended; `code` is negative for a signal."""

    code: int
    at: str
    reason: str
    last_lines: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class ServiceStatus:
    """What is so now. `alive` means that something keeps the service up; only then can it change by itself."""

    id: str
    state: State
    alive: bool
    pid: int | None = None
    restarts: int = 0
    started_at: str | None = None
    ready_at: str | None = None
    reason: str = ""
    last_exit: LastExit | None = None
    isolated: bool = False
    isolation_reason: str = ""
    unbound: tuple[str, ...] = ()
    limits_enforced: bool = False
    limits_reason: str = ""
    woken_at: str | None = None
    devices: tuple[str, ...] = ()
    log_dropped_bytes: int = 0

    @property
    def exit_code(self) -> int | None:
        """The exit code of the newest ended attempt."""
        return self.last_exit.code if self.last_exit else None


@dataclasses.dataclass(frozen=True)
class Capabilities:
    """What this place can do, asked before a spec is written: `binds` says whether targets can be promised."""

    isolation: bool
    binds: bool
    reason: str = ""


LogPosition = tuple[int, int]
"""A place in a service's output; only the runner knows what its two numbers mean."""


class ServiceRunner(Protocol):
    """Runs services. Every verb may be repeated; ids are any text.

    Raises, beside what each verb names, `errors.Unavailable` when the place itself does not work.
    """

    def start(self, spec: ServiceSpec) -> None:
        """Make it live. Nothing happens when it lives with an equal spec; one that ended is started afresh.

        Raises `errors.Conflict` when it lives with another spec, `errors.Invalid` when the spec cannot work here.
        """
        ...

    def stop(self, service_id: str, *, drain_s: float) -> None:
        """Ask it to end: SIGTERM, and SIGKILL after `drain_s`. Returns at once. Raises `errors.NotFound`."""
        ...

    def rest(self, service_id: str, *, asleep: bool, drain_s: float = 10.0) -> None:
        """Let a running service with `listen` end (SIGTERM, and SIGKILL after `drain_s`) until somebody connects, or start
        one that is asleep. A wish that comes while it does neither is dropped. Returns at once. Raises `errors.NotFound`.
        """
        ...

    def wait(self, service_id: str, *, timeout_s: float) -> bool:
        """Whether it ended (or never was) within the time."""
        ...

    def kill(self, service_id: str) -> None:
        """End it and everything below it now, without asking; returns when it is gone. An unknown id is no error."""
        ...

    def remove(self, service_id: str) -> None:
        """Forget it, logs included. An unknown id is no error. Raises `errors.Conflict` while it lives."""
        ...

    def status(self, service_id: str) -> ServiceStatus:
        """What is so now. Raises `errors.NotFound`."""
        ...

    def list(self) -> list[str]:
        """The ids of all services, also of those that another server process started, sorted."""
        ...

    def logs(self, service_id: str, *, lines: int | None = None) -> str:
        """The newest lines of its output, or all that is kept; the first lines of a start are always kept. Raises `errors.NotFound`."""
        ...

    def logs_since(self, service_id: str, position: LogPosition) -> tuple[str, LogPosition]:
        """Whole lines written after a position (start with `(0, 0)`), and where they end. Raises `errors.NotFound`."""
        ...

    def log_end(self, service_id: str) -> LogPosition:
        """Where its output ends now. Raises `errors.NotFound`."""
        ...

    def paths(self, service_id: str) -> ServicePaths:
        """Where its things are, or would be."""
        ...

    def capabilities(self) -> Capabilities:
        """What this place can do."""
        ...
