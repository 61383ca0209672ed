"""One process of a deployment as the runner is told to run it. Pure: values in, a `ServiceSpec` out."""

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zaffre.contracts import online_deployment as contract
from zaffre.contracts import settings as parts
from zaffre.server.compute import ports
from zaffre.server.endpoints.online import devices, facts, materials, quantities, settings

_APP = "/var/azureml-app"
_CONFIG = "scoring.json"
COUNTS = "counts"
"""The file of a replica's folder that it counts in."""
_BATCH = 64


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What must be there before a process can start: an environment that is built, and files that are placed."""

    python: Path
    overlay: Path
    environment: Path
    lock_digest: str
    environment_note: str | None
    materials: materials.Materials
    # What is served, where that is not what the revision was resolved to (`optimizing`).
    resolved: dict[str, Any] | None = None


@dataclasses.dataclass(frozen=True)
class Place:
    """What the runner says of where a process will run."""

    paths: ports.ServicePaths
    binds: bool
    start_timeout_s: float
    limits: ports.Limits = dataclasses.field(default_factory=ports.Limits)
    # The GPUs that it is given; None where the machine has none to give or to hide.
    devices: tuple[str, ...] | None = None
    # Where traces go, for deployments that are traced: `otlp_url`, `otlp_headers`, `trace_share`.
    traces: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)


def spec(
    slot: facts.Slot,
    deployment: contract.OnlineDeployment,
    prepared: Prepared,
    place: Place,
    *,
    workspace: str,
    resolved: dict[str, Any],
) -> ports.ServiceSpec:
    """The process for a slot."""
    files = _Files.of(prepared.materials, resolved, binds=place.binds)
    config = _config(slot, deployment, place, files, workspace=workspace, resolved=resolved)
    return ports.ServiceSpec(
        id=slot.service_id,
        argv=(str(prepared.python), str(prepared.overlay / "zaffre_boot.py"), "zaffre_runtime.scoring"),
        environment=_process_environment(deployment, prepared, place),
        cwd=files.code or str(place.paths.scratch),
        files={_CONFIG: json.dumps(config)},
        read_only_paths=(str(prepared.environment), str(prepared.overlay), *files.read_only),
        writable_paths=(str(prepared.materials.begun),),
        binds=files.binds,
        limits=limits(deployment, place.limits),
        limits_shared=f"{slot.replicas}.{slot.instance}" if settings.workers(deployment) > 1 else "",
        devices=place.devices or (),
        listen=True,
        liveness=liveness(deployment),
        readiness=readiness(deployment),
        start_timeout_s=None if settings.debugger_port(deployment) else place.start_timeout_s,
    )


@dataclasses.dataclass(frozen=True)
class _Files:
    """Where code and models are seen from inside the process."""

    code: str | None
    model_dir: str
    begun: str
    read_only: tuple[str, ...]
    binds: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, placed: materials.Materials, resolved: dict[str, Any], *, binds: bool) -> "_Files":
        code = str(placed.code) if placed.code else None
        models = str(placed.models)
        bound: list[tuple[str, str]] = []
        if binds:  # as on Azure, whose paths some scripts spell out
            bound.append((models, f"{_APP}/azureml-models"))
            models = f"{_APP}/azureml-models"
            if code:
                bound.append((code, f"{_APP}/{resolved['code']['name']}"))
                code = f"{_APP}/{resolved['code']['name']}"
        read_only = () if binds else (str(placed.folder),)
        return cls(code, _model_dir(models, resolved), str(placed.begun), read_only, tuple(bound))


def _model_dir(models: str, resolved: dict[str, Any]) -> str:
    """The folder of the one model's version, or of all models of an ensemble."""
    if resolved.get("ensemble") or not resolved["models"]:
        return models
    model = resolved["models"][0]
    return f"{models}/{model['name']}/{model['version']}"


def _config(
    slot: facts.Slot,
    deployment: contract.OnlineDeployment,
    place: Place,
    files: _Files,
    *,
    workspace: str,
    resolved: dict[str, Any],
) -> dict[str, Any]:
    requests = settings.requests(deployment)
    models = resolved["models"]
    extension = deployment.zaffre
    return {
        "socket": str(place.paths.socket),
        "app_root": files.code,
        "entry_script": deployment.scoring_script,
        "model_dir": files.model_dir,
        "model_kind": models[0]["type"] if len(models) == 1 else "custom_model",
        "models": [{key: model[key] for key in ("name", "version", "type")} for model in models],
        "deployment": deployment.name,
        "endpoint": deployment.endpoint_name,
        "workspace": workspace,
        "revision": slot.replicas,
        "names_itself": False,
        "request_timeout_ms": requests.request_timeout_ms,
        "max_queue_wait_ms": requests.max_queue_wait_ms,
        "managed": True,
        "max_batch": (extension.max_batch if extension else None) or _BATCH,
        "max_concurrent_requests": requests.max_concurrent_requests_per_instance,
        "counts_file": str(place.paths.scratch / COUNTS),
        "begun_folder": files.begun,
        "debugger_port": settings.debugger_port(deployment),
        **({"app_insights": True, **place.traces} if deployment.app_insights_enabled else {}),
        "log_level": deployment.environment_variables.get("AZUREML_LOG_LEVEL", "INFO"),
    }


# Scripts with a `Collector` of azureml-ai-monitoring start only where collection is on. Nothing is collected yet, so every
# row is one that the sampling leaves out, which that library does without a word to anybody.
_COLLECTING = {"AZUREML_MDC_ENABLED": "true", "AZUREML_MDC_SAMPLE_RATE": "0"}


def _process_environment(
    deployment: contract.OnlineDeployment, prepared: Prepared, place: Place
) -> dict[str, str]:
    """The user's variables, with what the process cannot do without."""
    defaults = {
        "PATH": f"{prepared.python.parent}:/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": str(place.paths.scratch),
        "PYTHONUNBUFFERED": "1",
    }
    if deployment.zaffre and deployment.zaffre.onnx and deployment.zaffre.onnx.providers:
        defaults["ZAFFRE_ONNX_PROVIDERS"] = ",".join(deployment.zaffre.onnx.providers)
    if settings.collected(deployment):
        defaults |= _COLLECTING
    cores = limits(deployment, place.limits).cpu_cores
    if cores:
        defaults["ZAFFRE_CPU_CORES"] = f"{cores:g}"
    ours = {"ZAFFRE_SCORING_CONFIG": str(place.paths.files / _CONFIG)}
    seen = {} if place.devices is None else devices.variables(place.devices)
    return {**defaults, **deployment.environment_variables, **seen, **ours}


def limits(deployment: contract.OnlineDeployment, by_type: ports.Limits) -> ports.Limits:
    """What one instance may not exceed: as its own file says, or its instance type."""
    own = quantities.limited(deployment)
    return ports.Limits(
        cpu_cores=own.cpu_cores or by_type.cpu_cores, memory_bytes=own.memory_bytes or by_type.memory_bytes
    )


def liveness(deployment: contract.OnlineDeployment) -> ports.Probe:
    """How its processes are looked at. Who stands at a breakpoint answers when somebody lets it go on: it is ready once
    it has answered, and never ended for silence."""
    if settings.debugger_port(deployment):
        return ports.Probe(initial_delay_s=0, timeout_s=3600, failure_threshold=sys.maxsize)
    return _probe(settings.probe(deployment.liveness_probe))


def readiness(deployment: contract.OnlineDeployment) -> ports.Probe | None:
    """When they get no requests for a while. None where it would say what liveness says, at the same moment."""
    given = settings.probe(deployment.readiness_probe)
    if settings.debugger_port(deployment) or given == settings.probe(deployment.liveness_probe):
        return None
    return _probe(given)


def _probe(probe: parts.ProbeSettings) -> ports.Probe:
    return ports.Probe(
        initial_delay_s=probe.initial_delay or 0,
        period_s=probe.period or parts.ProbeSettings.DEFAULTS["period"],
        timeout_s=probe.timeout or parts.ProbeSettings.DEFAULTS["timeout"],
        success_threshold=probe.success_threshold or 1,
        failure_threshold=probe.failure_threshold or parts.ProbeSettings.DEFAULTS["failure_threshold"],
    )
