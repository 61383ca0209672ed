"""`--local` and `local=True`: a private server in a home of its own, so that what is tried runs on the same code.

Called by the operations of endpoints and deployments. The server is started when somebody first asks for it and ends by
itself when nobody asks any more; what it deployed goes on answering. No configured server is needed; where there
is one, registered models and environments are fetched from it.
"""

import dataclasses
import json
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zaffre.contracts import environment, model, online_deployment
from zaffre.core import errors, listeners, names, version
from zaffre.sdk import connection, environments, models, operations, processes, transport

FOLDER = "local"
WORKSPACE = "default"
_IDLE_EXIT_S = "300"
# What of the process environment is meant for a server of one's own too; addresses and stores of another are not.
_KEPT = frozenset(
    {
        "ZAFFRE_CONDA_OFFLINE",
        "ZAFFRE_CURATED_ENVIRONMENTS_FILE",
        "ZAFFRE_DRAIN_S",
        "ZAFFRE_ENVOY_PATH",
        "ZAFFRE_IDLE_EXIT_S",
        "ZAFFRE_INSTANCE_TYPES_FILE",
        "ZAFFRE_ISOLATION",
        "ZAFFRE_ISOLATION_UID",
        "ZAFFRE_PYTHON_STAND_IN",
        "ZAFFRE_START_TIMEOUT_S",
    }
)


def home() -> Path:
    """Where the private server keeps everything."""
    return connection.home() / FOLDER


def scope(outer: operations.Scope, *, port: int | None = None) -> operations.Scope:
    """The private server's workspace, with the listeners of the caller's own. Starts the server unless it runs.

    `port` is where endpoints answer; left out, it stays what it was. Raises Unavailable for one that is taken.
    """
    if outer.outer is not None:
        return outer
    found = _running(port, say=outer.wire.report)
    token = connection.token_path(home(), found).read_text(encoding="utf-8").strip()
    where = connection.Connection(str(found["url"]), token, str(home()))
    wire = transport.Transport(where, version=version.VERSION, report=outer.wire.report)
    return dataclasses.replace(outer, wire=wire, workspace=WORKSPACE, outer=outer)


def _running(port: int | None, *, say: Callable[[str], None] | None) -> dict[str, Any]:
    tell = say or _nothing
    state = processes.state(home())
    if port is not None and state.get("scoring_port") != port:
        _demand_free(port)
        if processes.stop(home()):
            tell(f"moving the local endpoints to port {port}")
    given = {"ZAFFRE_SCORING_PORT": str(port)} if port is not None else {}
    return processes.start(tell, environment=given, folder=home(), base=_environment())


def _environment() -> dict[str, str]:
    mine = {key: value for key, value in os.environ.items() if not key.startswith("ZAFFRE_") or key in _KEPT}
    return {"ZAFFRE_IDLE_EXIT_S": _IDLE_EXIT_S, "ZAFFRE_ALLOW_DEBUGGER": "true", **mine}


def _demand_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise errors.Unavailable(
                f"Port {port} cannot be taken{listeners.said(port)}: {error.strerror}.",
                hint="Give another: --port.",
            ) from error


@contextmanager
def fetched(
    deployment: online_deployment.OnlineDeployment, outer: operations.Scope | None
) -> Iterator[online_deployment.OnlineDeployment]:
    """The deployment with what it names in the outer server's registry put in as files of this machine."""
    if outer is None or isinstance(outer.wire, transport.Unconnected):
        yield deployment
        return
    copy = deployment.model_copy(deep=True)
    with tempfile.TemporaryDirectory(prefix="zaffre-local-") as folder:
        if isinstance(copy.model, str):
            copy.model = _model(copy.model, outer, Path(folder))
        if isinstance(copy.environment, str):
            copy.environment = _environment_of(copy.environment, outer)
        yield copy


def debugged(
    deployment: online_deployment.OnlineDeployment,
) -> tuple[online_deployment.OnlineDeployment, int]:
    """The deployment, told to wait for a debugger at a free port of this machine unless it names one; and the port."""
    extension = deployment.zaffre or online_deployment.DeploymentExtension()
    port = extension.debugger_port or _free_port()
    told = extension.model_copy(update={"debugger_port": port})
    return deployment.model_copy(update={"zaffre": told}), port


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def launch_configuration(port: int, code: str | None) -> str:
    """What an editor's launch.json needs to attach; `code` is the folder that the script was taken from."""
    mapping = {"localRoot": code or "${workspaceFolder}", "remoteRoot": "."}
    return json.dumps(
        {
            "name": "Zaffre local deployment",
            "type": "debugpy",
            "request": "attach",
            "connect": {"host": "127.0.0.1", "port": port},
            "pathMappings": [mapping],
            "justMyCode": True,
        },
        indent=2,
    )


def _model(reference: str, outer: operations.Scope, folder: Path) -> model.Model:
    asked = names.parse_reference(reference, kind="models")
    names.require_here(asked, outer.workspace)
    operated = models.ModelOperations(outer)
    found = operated.get(asked.name, asked.version, _label(asked))
    operated.download(asked.name, str(found.version), folder)
    (root,) = (folder / asked.name).iterdir()
    return model.Model(name=found.name, version=found.version, type=found.type, path=str(root))


def _environment_of(reference: str, outer: operations.Scope) -> environment.Environment | str:
    """A registered environment as a definition; a curated name means the same everywhere."""
    asked = names.parse_reference(reference, kind="environments")
    if asked.registry is None:  # a registry's may be a curated one, and those mean the same everywhere
        names.require_here(asked, outer.workspace)
    try:
        found = environments.EnvironmentOperations(outer).get(asked.name, asked.version, _label(asked))
    except errors.NotFound:
        return reference
    body = {
        key: value for key, value in found.to_dict(status=False).items() if key not in ("name", "version")
    }
    return environment.Environment.model_validate(body)


def _label(asked: names.Reference) -> str | None:
    return asked.label or (None if asked.version else names.LATEST)


def _nothing(_: str) -> None:
    """Nobody listens."""
