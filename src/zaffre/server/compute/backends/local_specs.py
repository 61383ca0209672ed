"""How a service's specification is checked and told to its shim. Pure, but for a look at the interpreter's folders.

Called by `local_processes`; what the shim reads is explained in `zaffre_runtime.shim`.
"""

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zaffre.core import errors
from zaffre.server.compute import ports

_COPIED = (
    "id", "argv", "environment", "cwd", "limits", "restart", "start_timeout_s", "time_limit_s", "log_max_bytes", "listen",
    "devices", "kept_address",
)  # fmt: skip

_PROBE_PATH = re.compile(r"/[!-~]*")


@dataclasses.dataclass(frozen=True)
class IsolationRules:
    """What holds for every isolated service of a runner."""

    uid: int
    hidden: tuple[Path, ...]


def check(spec: ports.ServiceSpec) -> None:
    """Raises Invalid for what could never work, or would reach out of the service's folder."""
    for name in spec.files:
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise errors.Invalid(f"The service {spec.id} has a file with the bad name {name!r}.")
    for path in [
        *spec.read_only_paths,
        *spec.writable_paths,
        *(path for bind in spec.binds for path in bind),
    ]:
        if not path.startswith("/") or os.path.normpath(path) != path or path == "/":
            raise errors.Invalid(
                f"The service {spec.id} names the path {path!r}, which is not absolute and plain."
            )
    variables = {**spec.environment, **spec.secret_environment}
    if not spec.argv or not _fit_for_a_process([*spec.argv, *variables, *variables.values()]):
        raise errors.Invalid(
            f"The command or environment of the service {spec.id} cannot be passed to a process."
        )
    if any(not name or "=" in name for name in variables):
        raise errors.Invalid(
            f"The service {spec.id} has an environment variable without a name, or with = in it."
        )
    if any(probe and not _PROBE_PATH.fullmatch(probe.path) for probe in (spec.liveness, spec.readiness)):
        raise errors.Invalid(f"The service {spec.id} has a probe whose path is no path.")


def document(
    spec: ports.ServiceSpec, paths: ports.ServicePaths, isolation: IsolationRules | None
) -> dict[str, Any]:
    """The spec file, as JSON gives it back, so that two can be compared."""
    plain = dataclasses.asdict(spec)
    told: dict[str, Any] = {key: plain[key] for key in _COPIED}
    told["socket_folder"] = str(paths.socket.parent)
    told["files"] = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in spec.files.items()}
    told["liveness"] = _probe(spec.liveness, paths.door if spec.listen else paths.socket)
    if spec.readiness:
        told["readiness"] = _probe(spec.readiness, paths.door if spec.listen else paths.socket)
    told["isolation"] = _isolation(spec, isolation) if isolation and spec.isolate else None
    told["limits_group"] = _group(spec.limits_shared, paths) if spec.limits_shared else ""
    normal: dict[str, Any] = json.loads(json.dumps(told))
    return normal


def interpreter_paths(program: str) -> list[str]:
    """The folders without which the program cannot run: of a Python in a virtual environment, that and its base."""
    path = Path(program)
    if not path.is_absolute():
        return []
    found = [_prefix(path), _prefix(path.resolve())]
    settings = path.parent.parent / "pyvenv.cfg"
    if settings.is_file():
        for line in settings.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "home":
                found.append(_prefix(Path(value.strip()) / path.name))
    return sorted({str(prefix) for prefix in found if prefix})


def _fit_for_a_process(texts: Iterable[str]) -> bool:
    try:
        return not any(b"\0" in os.fsencode(text) for text in texts)
    except UnicodeEncodeError:
        return False


def _probe(probe: ports.Probe | None, socket: Path) -> dict[str, Any] | None:
    if probe is None:
        return None
    return {**dataclasses.asdict(probe), "socket": None if probe.port else str(socket)}


def _group(shared: str, paths: ports.ServicePaths) -> str:
    """A name for a control group that no other installation on the machine has."""
    home = str(paths.log.parent.parent)
    return f"zaffre-{hashlib.sha256(f'{home}/{shared}'.encode()).hexdigest()[:16]}"


def _isolation(spec: ports.ServiceSpec, rules: IsolationRules) -> dict[str, Any]:
    return {
        "uid": rules.uid,
        "gid": rules.uid,
        "hidden": [str(path) for path in rules.hidden],
        "read_only": [*interpreter_paths(spec.argv[0]), *spec.read_only_paths],
        "writable": list(spec.writable_paths),
        "binds": [list(bind) for bind in spec.binds],
    }


def _prefix(program: Path) -> Path | None:
    """The installation that a program belongs to; None for the system's own, which everybody sees anyway."""
    if not program.exists():
        return None
    if program.parent.name != "bin":
        return program
    prefix = program.parent.parent
    return None if str(prefix) in ("/", "/usr", "/usr/local") else prefix
