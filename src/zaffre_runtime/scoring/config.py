"""The one document that tells a replica what it serves; read once by `__main__`.

`ZAFFRE_SCORING_CONFIG` names a JSON file that the server wrote. The variables of Azure's own inference server
(`AZUREML_MODEL_DIR` and so on) are derived from it for the user's code in `process_environment`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, MutableMapping, Optional

import msgspec

from zaffre_runtime.scoring import errors

VARIABLE = "ZAFFRE_SCORING_CONFIG"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Times in milliseconds, sizes in bytes. Either `socket` or `port` is given.

    `managed` asks for the status codes of a managed endpoint (408, 424) where Azure's inference server has 500.
    """

    socket: Optional[str] = None
    host: Optional[str] = None
    port: Optional[int] = None
    app_root: Optional[str] = None
    entry_script: Optional[str] = None
    model_dir: Optional[str] = None
    model_kind: str = "custom_model"
    models: List[Any] = []
    deployment: str = ""
    endpoint: str = ""
    workspace: str = ""
    revision: str = ""
    request_timeout_ms: int = 5000
    timeout_grace_ms: int = 2000
    lock_held_grace_ms: int = 10_000
    drain_ms: int = 30_000
    max_batch: int = 64
    max_concurrent_requests: int = 1
    max_waiting: int = 1024
    max_queue_wait_ms: Optional[int] = None
    managed: bool = False
    max_body_bytes: int = 104_857_600
    log_level: str = "INFO"
    debugger_port: Optional[int] = None
    health_path: str = "/"
    counts_file: Optional[str] = None
    begun_folder: Optional[str] = None  # shared by the replicas of a revision
    names_itself: bool = True  # False where the router says which deployment, revision and server answered
    app_insights: bool = False
    otlp_url: Optional[str] = None
    otlp_headers: Dict[str, str] = {}
    trace_share: float = 1.0


def load(environ: MutableMapping[str, str]) -> Config:
    path = environ.get(VARIABLE)
    if not path:
        raise errors.ConfigurationError(
            f"{VARIABLE} is not set: it names the JSON file that says what to serve"
        )
    try:
        config = msgspec.json.decode(Path(path).read_bytes(), type=Config)
    except OSError as error:
        raise errors.ConfigurationError(f"{VARIABLE}: {path} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise errors.ConfigurationError(f"{VARIABLE}: {path}: {error}") from error
    _check(config)
    return with_script_timeout(config, environ)


def _check(config: Config) -> None:
    if (config.socket is None) == (config.port is None):
        raise errors.ConfigurationError("give either `socket` or `port`, and not both")
    if config.entry_script is not None and config.app_root is None:
        raise errors.ConfigurationError("`entry_script` needs `app_root`, the folder that holds the code")
    for name in (
        "request_timeout_ms",
        "max_batch",
        "max_concurrent_requests",
        "max_waiting",
        "max_body_bytes",
    ):
        if getattr(config, name) < 1:
            raise errors.ConfigurationError(f"`{name}` must be at least 1, is {getattr(config, name)}")


def with_script_timeout(config: Config, environ: MutableMapping[str, str]) -> Config:
    """SCORING_TIMEOUT_MS, set by the user, may shorten the time that one call gets, never lengthen it."""
    text = environ.get("SCORING_TIMEOUT_MS")
    if text is None:
        return config
    if not text.isdigit() or int(text) < 1:
        raise errors.ConfigurationError(
            f"SCORING_TIMEOUT_MS must be a whole number of milliseconds, is {text!r}"
        )
    return msgspec.structs.replace(config, request_timeout_ms=min(int(text), config.request_timeout_ms))


def process_environment(config: Config, environ: MutableMapping[str, str]) -> None:
    """Set what scripts read. What follows from the deployment is ours; the rest keeps the user's own value."""
    ours: Dict[str, Optional[str]] = {
        "AML_APP_ROOT": config.app_root,
        "AZUREML_ENTRY_SCRIPT": config.entry_script,
        "AZUREML_MODEL_DIR": config.model_dir,
        "SCORING_TIMEOUT_MS": str(config.request_timeout_ms),
    }
    environ.update({name: value for name, value in ours.items() if value is not None})
    for name, value in (
        ("SERVICE_NAME", config.endpoint),
        ("SERVICE_VERSION", config.revision),
        ("AZUREML_LOG_LEVEL", config.log_level),
        ("WORKER_COUNT", "1"),
        ("WORKER_TIMEOUT", "300"),
        ("AML_APP_INSIGHTS_ENABLED", "true" if config.app_insights else "false"),
        ("ORT_DISABLE_TELEMETRY", "1"),
        ("MLFLOW_DISABLE_TELEMETRY", "true"),
    ):
        environ.setdefault(name, value)


def import_folders(config: Config, environ: MutableMapping[str, str]) -> List[str]:
    """Where the user's own modules are found, best first."""
    if config.app_root is None:
        return []
    root, folders = Path(config.app_root), []
    if config.entry_script is not None:
        folders.append((root / config.entry_script).parent)
    folders.append(root)
    if environ.get("AZUREML_SOURCE_DIRECTORY"):
        folders.append(root / environ["AZUREML_SOURCE_DIRECTORY"])
    return list(dict.fromkeys(str(folder.absolute()) for folder in folders))
