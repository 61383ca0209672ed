"""Services as detached processes of this machine, each below its own shim (`zaffre_runtime.shim`).

Chosen by the composition root. It keeps nothing in memory: a service is a folder, its lock says whether it lives,
its state file what it does, so that any later server process finds what an earlier one started.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zaffre.core import errors
from zaffre.server.compute import ports
from zaffre.server.compute.backends import local_specs
from zaffre_runtime.shim import __file__ as shim_package
from zaffre_runtime.shim import isolation, limits, logs, records, state, stragglers

_SHIM = Path(shim_package).with_name("__main__.py")
_TEMPORARY = ".new-"
_START_TIMEOUT_S = 30
_LAST_WORD_S = 5


class LocalServiceRunner:
    """`services_dir` holds one folder per service, `runtime_dir` their sockets; both must be closed folders of ours.

    `isolation_uid` is the uid and gid of isolated services, None switches isolation off; `hidden` are folders that
    no isolated service may see. `python` runs the shims: any CPython from 3.9.
    """

    def __init__(
        self,
        services_dir: Path,
        runtime_dir: Path,
        *,
        python: str,
        isolation_uid: int | None = None,
        hidden: tuple[Path, ...] = (),
    ) -> None:
        self._services = services_dir.absolute()
        self._runtime = runtime_dir.absolute()
        self._python = python
        covered = (*hidden, self._services, self._runtime)
        self._isolation = (
            None if isolation_uid is None else local_specs.IsolationRules(isolation_uid, covered)
        )
        self._services.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._clear_unfinished()

    def start(self, spec: ports.ServiceSpec) -> None:
        """See the port."""
        local_specs.check(spec)
        wanted = local_specs.document(spec, self.paths(spec.id), self._isolation)
        folder = self._folder(spec.id)
        with self._exclusive():
            equal = records.read_json(str(folder / records.SPEC)) == wanted
            if self._is_alive(folder):
                if not equal:
                    raise errors.Conflict(
                        f"The service {spec.id} runs with another specification.",
                        hint="Stop it first, or use a new id.",
                    )
                return
            if not equal:
                self._write_folder(folder, spec, wanted)
            (folder / records.STOP).unlink(missing_ok=True)
            self._launch(folder, spec.secret_environment)

    def stop(self, service_id: str, *, drain_s: float) -> None:
        """See the port."""
        records.request_stop(str(self._existing(service_id)), drain_s)

    def rest(self, service_id: str, *, asleep: bool, drain_s: float = 10.0) -> None:
        """See the port."""
        records.request_rest(str(self._existing(service_id)), asleep=asleep, drain_s=drain_s)

    def wait(self, service_id: str, *, timeout_s: float) -> bool:
        """See the port."""
        folder = str(self._folder(service_id))
        deadline = time.monotonic() + timeout_s
        while records.lock_holder(folder) is not None:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        return True

    def kill(self, service_id: str) -> None:
        """See the port. The descriptor of the process is taken before the lock is asked again, so no stranger is hit."""
        folder = str(self._folder(service_id))
        pid = records.lock_holder(folder)
        if pid is None:
            return
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                if records.lock_holder(folder) == pid:
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            finally:
                os.close(descriptor)
        self.wait(service_id, timeout_s=_START_TIMEOUT_S)
        stragglers.end_marked(folder)
        _remove_groups(Path(folder))

    def remove(self, service_id: str) -> None:
        """See the port."""
        folder = self._folder(service_id)
        with self._exclusive():
            if records.lock_holder(str(folder)) is not None:
                raise errors.Conflict(
                    f"The service {service_id} is alive.", hint="Stop it and wait until it has ended."
                )
            if folder.exists():
                _remove_groups(folder)
                doomed = self._services / f"{_TEMPORARY}{folder.name}-{secrets.token_hex(4)}"
                folder.rename(doomed)
                shutil.rmtree(doomed)
            shutil.rmtree(self.paths(service_id).socket.parent, ignore_errors=True)

    def status(self, service_id: str) -> ports.ServiceStatus:
        """See the port."""
        folder = self._existing(service_id)
        alive = records.lock_holder(str(folder)) is not None
        record = (
            records.read_json(str(folder / records.STATE)) or {}
        )  # after the lock: a last word comes before it goes
        found = _status(service_id, record, alive=alive, gone=_why_gone(folder))
        spec = records.read_json(str(folder / records.SPEC)) or {}
        return dataclasses.replace(found, devices=tuple(spec.get("devices", ())))

    def list(self) -> list[str]:
        """See the port."""
        specs = (records.read_json(str(path)) for path in self._services.glob(f"[0-9a-f]*/{records.SPEC}"))
        return sorted(spec["id"] for spec in specs if spec)

    def logs(self, service_id: str, *, lines: int | None = None) -> str:
        """See the port."""
        return logs.read_tail(str(self._existing(service_id) / records.LOG), lines)

    def logs_since(self, service_id: str, position: ports.LogPosition) -> tuple[str, ports.LogPosition]:
        """See the port."""
        return logs.read_since(str(self._existing(service_id) / records.LOG), position)

    def log_end(self, service_id: str) -> ports.LogPosition:
        """See the port."""
        return logs.end_of(str(self._existing(service_id) / records.LOG))

    def paths(self, service_id: str) -> ports.ServicePaths:
        """See the port."""
        folder = self._folder(service_id)
        sockets = self._runtime / folder.name
        return ports.ServicePaths(
            socket=sockets / records.SOCKET,
            door=sockets / records.DOOR,
            files=folder / records.FILES,
            scratch=folder / records.SCRATCH,
            log=folder / records.LOG,
        )

    def capabilities(self) -> ports.Capabilities:
        """See the port."""
        if self._isolation is None:
            return ports.Capabilities(isolation=False, binds=False, reason=isolation.absent())
        problem = isolation.obstacle()
        return ports.Capabilities(isolation=not problem, binds=not problem, reason=problem)

    def _folder(self, service_id: str) -> Path:
        return self._services / hashlib.sha256(service_id.encode()).hexdigest()[:12]

    def _existing(self, service_id: str) -> Path:
        folder = self._folder(service_id)
        if not (folder / records.SPEC).exists():
            raise errors.NotFound(f"There is no service {service_id}.")
        return folder

    def _is_alive(self, folder: Path) -> bool:
        """Whether it lives and is meant to. One that has said its last word only needs a moment to let go of its lock."""
        deadline = time.monotonic() + _LAST_WORD_S
        while records.lock_holder(str(folder)) is not None:
            ending = (records.read_json(str(folder / records.STATE)) or {}).get("state") in state.FINAL
            if not ending and (folder / records.STOP).exists():
                raise errors.Conflict("The service is being stopped.", hint="Try again when it has ended.")
            if not ending or time.monotonic() >= deadline:
                return True
            time.sleep(0.01)
        return False

    @contextlib.contextmanager
    def _exclusive(self) -> Iterator[None]:
        """One start or remove at a time, over threads and processes; the kernel lets go when the holder dies."""
        with open(self._services / ".lock", "w", encoding="ascii") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def _clear_unfinished(self) -> None:
        with self._exclusive():
            for path in self._services.glob(f"{_TEMPORARY}*"):
                shutil.rmtree(path, ignore_errors=True)

    def _write_folder(self, folder: Path, spec: ports.ServiceSpec, document: dict[str, Any]) -> None:
        """The whole folder appears by one rename; a crash before it leaves a `.new-` folder that the next runner clears."""
        new = self._services / f"{_TEMPORARY}{folder.name}-{secrets.token_hex(4)}"
        (new / records.FILES).mkdir(mode=0o700, parents=True)
        new.chmod(0o700)
        for name, text in spec.files.items():
            records.write_text(str(new / records.FILES / name), text)
        records.write_json(str(new / records.SPEC), document)
        if folder.exists():
            old = self._services / f"{_TEMPORARY}{folder.name}-{secrets.token_hex(4)}"
            folder.rename(old)
            shutil.rmtree(old)
        new.rename(folder)
        records.sync_folder(str(self._services))

    def _launch(self, folder: Path, hidden: Mapping[str, str]) -> None:
        """Secrets go through a pipe: neither files nor process lists ever show them."""
        command = [self._python, "-S", "-E", str(_SHIM), str(folder)]
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
        try:
            done = subprocess.run(
                command,
                env=environment,
                cwd="/",
                input=json.dumps(dict(hidden)).encode(),
                capture_output=True,
                timeout=_START_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise errors.Unavailable(f"No shim could be started with {self._python}: {error}.") from error
        if done.returncode != 0:
            text = done.stderr.decode(errors="replace").strip()
            raise errors.Unavailable(f"The shim in {folder} did not start: {text}")


def _remove_groups(folder: Path) -> None:
    """What a shim that was killed could not take away itself."""
    record = records.read_json(str(folder / records.STATE)) or {}
    limits.remove_groups(record.get("control_groups", ()))


def _why_gone(folder: Path) -> str:
    """Why a shim ended without a last word."""
    try:
        lines = (folder / records.ERROR).read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        return "nothing keeps it up: it was killed, or the machine was restarted"
    return "its shim failed: " + next((line for line in reversed(lines) if line), "unknown")


def _status(service_id: str, record: dict[str, Any], *, alive: bool, gone: str) -> ports.ServiceStatus:
    state, reason = record.get("state", "starting"), record.get("reason", "")
    pid = record.get("pid")
    if not alive and state not in ("exited", "failed", "stopped"):
        state, reason, pid = "exited", gone, None
    ending = record.get("last_exit")
    known = (
        "restarts",
        "started_at",
        "ready_at",
        "isolated",
        "isolation_reason",
        "limits_enforced",
        "limits_reason",
        "woken_at",
    )
    return ports.ServiceStatus(
        id=service_id,
        state=state,
        alive=alive,
        pid=pid,
        reason=reason,
        last_exit=ports.LastExit(**{**ending, "last_lines": tuple(ending["last_lines"])}) if ending else None,
        unbound=tuple(record.get("unbound", ())),
        log_dropped_bytes=int(record.get("log_dropped_bytes", 0)),
        **{key: record[key] for key in known if key in record},
    )
