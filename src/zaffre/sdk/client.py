"""`MLClient`: one workspace of one server, with the names and arguments of azure.ai.ml."""

import os
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from zaffre.contracts import base, data, environment, model, online_deployment, online_endpoint, workspace
from zaffre.core import errors, settings
from zaffre.core import version as core_version
from zaffre.sdk import (
    audit,
    bundles,
    connection,
    environments,
    lineage,
    models,
    online_deployments,
    online_endpoints,
    operations,
    pollers,
    private,
    secrets,
    server,
    tokens,
    transport,
    trust,
    workspaces,
)
from zaffre.sdk import data as data_operations

DEFAULT_WORKSPACE = "default"


class MLClient:
    """A client. `credential` may be anything that azure.ai.ml takes, or None: the server is told by `url` and `token`,
    else by ZAFFRE_URL and ZAFFRE_TOKEN, else it is the one on this machine."""

    def __init__(
        self,
        credential: Any = None,
        subscription_id: str | None = None,
        resource_group_name: str | None = None,
        workspace_name: str | None = None,
        registry_name: str | None = None,
        **options: Any,
    ) -> None:
        """`options`: url, token, reason (kept with every change), report, trace, listener, progress, connection_verify (a CA
        bundle) and connection_cert (the client's own: a file, or certificate and key), and local with port (the private
        server that `local=True` means); others are ignored, because users' code passes what only a cloud needs."""
        if registry_name:
            _check_registry(registry_name, workspace_name)
        self._registry = registry_name
        wire = _wire(options)
        name = workspace_name or settings.client_environment().get("ZAFFRE_WORKSPACE") or DEFAULT_WORKSPACE
        self._scope = operations.Scope(
            wire,
            name,
            resource_group_name,
            subscription_id,
            listener=options.get("listener"),
            progress=options.get("progress"),
            credential=credential,
        )
        if options.get("local"):
            self._scope = private.scope(self._scope, port=options.get("port"))

    @classmethod
    def from_config(
        cls,
        credential: Any = None,
        *,
        path: str | os.PathLike[str] | None = None,
        file_name: str | None = None,
        **options: Any,
    ) -> Self:
        """A client for the workspace in the config.json here, in `.azureml`, or in a folder above. Raises NotFound."""
        file = connection.find_workspace_file(os.fspath(path) if path is not None else None, file_name)
        subscription, group, name = connection.read_workspace_file(file)
        return cls(credential, subscription, group, name, **options)

    @property
    def url(self) -> str:
        """The server's address."""
        return self._scope.wire.url

    @property
    def subscription_id(self) -> str | None:
        """As given."""
        return self._scope.subscription

    @property
    def resource_group_name(self) -> str | None:
        """As given."""
        return self._scope.resource_group

    @property
    def workspace_name(self) -> str:
        """The workspace that this client works in."""
        return self._scope.workspace

    @property
    def reason(self) -> str:
        """Why the next changes are made; kept with them."""
        return self._scope.wire.reason

    @reason.setter
    def reason(self, text: str) -> None:
        self._scope.wire.reason = text

    def listen(
        self,
        listener: bundles.Listener | None = None,
        progress: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        """Who hears of bytes on their way, and of the state of long work."""
        self._scope.listener, self._scope.progress = listener, progress

    @property
    def workspaces(self) -> workspaces.WorkspaceOperations:
        """Workspaces."""
        return workspaces.WorkspaceOperations(self._scope)

    @property
    def secrets(self) -> secrets.SecretOperations:
        """Secrets of the workspace."""
        return secrets.SecretOperations(self._within("secrets"))

    @property
    def models(self) -> models.ModelOperations:
        """Registered models."""
        return models.ModelOperations(self._within("models"))

    @property
    def data(self) -> data_operations.DataOperations:
        """Data assets."""
        return data_operations.DataOperations(self._within("data"))

    @property
    def environments(self) -> environments.EnvironmentOperations | environments.CuratedEnvironments:
        """Environments; of a client of the registry `azureml` the curated ones."""
        if self._registry:
            return environments.CuratedEnvironments(self._scope)
        return environments.EnvironmentOperations(self._scope)

    @property
    def online_endpoints(self) -> online_endpoints.OnlineEndpointOperations:
        """Online endpoints."""
        return online_endpoints.OnlineEndpointOperations(self._within("online endpoints"))

    @property
    def online_deployments(self) -> online_deployments.OnlineDeploymentOperations:
        """Deployments of online endpoints."""
        return online_deployments.OnlineDeploymentOperations(self._within("online deployments"))

    @property
    def tokens(self) -> tokens.TokenOperations:
        """Tokens."""
        return tokens.TokenOperations(self._scope)

    @property
    def audit(self) -> audit.AuditOperations:
        """The audit trail."""
        return audit.AuditOperations(self._scope)

    @property
    def lineage(self) -> lineage.LineageOperations:
        """What answers were made of."""
        return lineage.LineageOperations(self._within("lineage"))

    @property
    def server(self) -> server.ServerOperations:
        """The server itself."""
        return server.ServerOperations(self._scope)

    def _within(self, what: str) -> operations.Scope:
        """The client's workspace, for what only workspaces have. Raises Unsupported for a client of a registry."""
        if self._registry:
            raise errors.Unsupported(
                f"The registry {self._registry} has no {what}: it holds the curated environments.",
                hint="Make a client of a workspace: MLClient(..., workspace_name=...), without registry_name.",
            )
        return self._scope

    def __getattr__(self, name: str) -> Any:
        if name in _LATER:
            raise operations.later(f"MLClient.{name}")
        raise AttributeError(f"MLClient has no attribute {name!r}")

    def create_or_update(self, entity: base.Entity, **_: Any) -> Any:
        """Registers a model, data asset or environment, by what the entity is."""
        if isinstance(entity, model.Model):
            return self.models.create_or_update(entity)
        if isinstance(entity, data.Data):
            return self.data.create_or_update(entity)
        if isinstance(entity, environment.Environment):
            return self.environments.create_or_update(entity)
        raise _wrong_entity(entity, "begin_create_or_update")

    def begin_create_or_update(self, entity: base.Entity, **options: Any) -> pollers.Poller[Any]:
        """Makes a workspace, endpoint or deployment, by what the entity is, with the options that its own operations
        take (`local=True`); returns a poller."""
        if isinstance(entity, workspace.Workspace):
            return self.workspaces.begin_create_or_update(entity, **options)
        if isinstance(entity, online_endpoint.OnlineEndpoint):
            return self.online_endpoints.begin_create_or_update(entity, **options)
        if isinstance(entity, online_deployment.OnlineDeployment):
            return self.online_deployments.begin_create_or_update(entity, **options)
        raise _wrong_entity(entity, "create_or_update")

    def close(self) -> None:
        """Ends the HTTP session."""
        self._scope.wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        if self._registry:
            return f"MLClient(url={self.url!r}, registry_name={self._registry!r})"
        return f"MLClient(url={self.url!r}, workspace_name={self.workspace_name!r})"


_CURATED = "azureml"
_LATER = frozenset({
    "jobs", "components", "compute", "datastores", "schedules", "batch_endpoints", "batch_deployments", "registries",
    "connections", "feature_stores", "feature_sets", "feature_store_entities", "indexes", "evaluators",
    "serverless_endpoints", "marketplace_subscriptions", "capability_hosts", "workspace_outbound_rules",
    "deployment_templates", "azure_openai_deployments",
})  # fmt: skip


def _check_registry(name: str, workspace_name: str | None) -> None:
    """Raises Invalid, and Unsupported for a registry that is not here."""
    if workspace_name:
        raise errors.Invalid(
            "workspace_name and registry_name exclude each other.", hint="Make a client for each of them."
        )
    if name.lower() != _CURATED:
        raise errors.Unsupported(
            f"There is no registry {name!r} here; the only one is {_CURATED!r}, with the curated environments.",
            hint="Keep in a workspace what several teams use: MLClient(..., workspace_name=...).",
        )


def _wire(options: dict[str, Any]) -> transport.Transport:
    """The session with the server that is told or configured; without one, the error waits until one is needed."""
    try:
        where = connection.find(url=options.get("url"), token=options.get("token"))
    except errors.Unavailable as error:
        return transport.Unconnected(error, report=options.get("report"))
    return transport.Transport(
        where,
        version=core_version.VERSION,
        reason=options.get("reason") or "",
        report=options.get("report"),
        trace=options.get("trace"),
        believed=trust.Trust.find(
            verify=options.get("connection_verify"), certificate=options.get("connection_cert")
        ),
    )


def _wrong_entity(entity: Any, instead: str) -> errors.ZaffreError:
    known = isinstance(entity, base.Entity)
    return errors.Invalid(
        f"A {type(entity).__name__} cannot be made this way.",
        hint=f"Use ml_client.{instead}(...)." if known else "Give an entity of zaffre.entities.",
    )
