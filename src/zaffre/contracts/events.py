"""The catalogue of events: what happened, in the past tense, with ids and values only.

Services append them, the outbox delivers them, and audit, lineage, automation and the studio read the same words.
"""

from typing import Any

import pydantic


class Event(pydantic.BaseModel):
    """Something that happened. The class name is the type's name."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def type_name(cls) -> str:
        """What the outbox stores beside the values."""
        return cls.__name__


class _AssetRegistered(Event):
    name: str
    version: str
    asset_type: str = ""
    manifest_digest: str = ""
    size: int = 0
    tags: dict[str, str] = {}


class _AssetUpdated(Event):
    """`changes` maps a field's name to its new value."""

    name: str
    version: str
    changes: dict[str, Any] = {}


class _AssetChanged(Event):
    """`version` is None when the whole name is meant."""

    name: str
    version: str | None = None


class ModelRegistered(_AssetRegistered): ...


class ModelUpdated(_AssetUpdated): ...


class ModelConverted(Event):
    """A version was made from another by a converter; `converters` are packages with their versions."""

    name: str
    version: str
    source_name: str
    source_version: str
    to: str
    converters: dict[str, str] = {}
    opset: int = 0
    rtol: float = 0.0
    atol: float = 0.0
    largest_difference: float = 0.0
    speedup_1: float = 0.0


class ModelProfiled(Event):
    """A load profile of a version ended. What it recommends is None when no size that was tried is enough."""

    name: str
    version: str
    profile: str
    recommended_cpu: float | None = None
    recommended_memory_gb: float | None = None
    queries_per_second: float | None = None
    latency_p99_ms: float | None = None


class ModelArchived(_AssetChanged): ...


class ModelRestored(_AssetChanged): ...


class ModelDeleted(_AssetChanged): ...


class DataRegistered(_AssetRegistered): ...


class DataUpdated(_AssetUpdated): ...


class DataArchived(_AssetChanged): ...


class DataRestored(_AssetChanged): ...


class DataDeleted(_AssetChanged): ...


class EnvironmentRegistered(_AssetRegistered): ...


class EnvironmentUpdated(_AssetUpdated): ...


class EnvironmentArchived(_AssetChanged): ...


class EnvironmentRestored(_AssetChanged): ...


class EnvironmentDeleted(_AssetChanged): ...


class EnvironmentLocked(Event):
    """The lock was made; every build uses it from now on."""

    name: str
    version: str
    lock_digest: str
    python: str = ""


class AliasMoved(Event):
    """`version` is None when the alias was removed, `previous` when it was new."""

    kind: str
    name: str
    alias: str
    version: str | None
    previous: str | None = None


class _WorkspaceEvent(Event):
    name: str


class WorkspaceCreated(_WorkspaceEvent): ...


class WorkspaceUpdated(_WorkspaceEvent): ...


class WorkspaceDeleted(_WorkspaceEvent): ...


class TokenCreated(Event):
    """Never the token itself."""

    token_id: str
    name: str
    grants: list[str] = []


class TokenRevoked(Event):
    token_id: str
    name: str


class _EndpointEvent(Event):
    endpoint: str


class EndpointCreated(_EndpointEvent): ...


class EndpointUpdated(_EndpointEvent): ...


class EndpointDeleted(_EndpointEvent): ...


class KeysRegenerated(Event):
    """`key` is `primary` or `secondary`; never its value."""

    endpoint: str
    key: str


class TrafficChanged(Event):
    """Per cent by deployment; `previous` is what it was before."""

    endpoint: str
    traffic: dict[str, int]
    mirror_traffic: dict[str, int] = {}
    previous: dict[str, int] = {}


class SecretStored(Event):
    """A secret has a value, or a new one; never the value."""

    name: str
    revision: int


class SecretDeleted(Event):
    name: str


class CertificateReplaced(Event):
    """`listener` is `control-plane` or `endpoints`; `fingerprint` is the SHA-256 of the certificate."""

    listener: str
    subject: str
    fingerprint: str
    expires_at: str


class CertificateRefused(Event):
    """A new certificate is no good; the old one stays in force."""

    listener: str
    reason: str


class DeploymentRevised(Event):
    """A revision was accepted; from here lineage knows what its answers are made of. `models` are `name:version`."""

    endpoint: str
    deployment: str
    revision: str
    models: list[str] = []
    environment: str = ""
    environment_lock_digest: str = ""
    code_digest: str = ""
    settings_digest: str = ""
    previous_revision: str | None = None
    rolled_back_to: str | None = None


class DeploymentReady(Event):
    """The revision serves. A lock that was made after the revision was accepted is told here."""

    endpoint: str
    deployment: str
    revision: str
    environment_lock_digest: str = ""


class DeploymentFailed(Event):
    """`cause` is one line: why it will not come up."""

    endpoint: str
    deployment: str
    revision: str
    cause: str = ""


class DeploymentScaled(Event):
    """The server changed the number of instances by itself; `why` is one line. 0: the next request starts one."""

    endpoint: str
    deployment: str
    revision: str
    previous: int
    count: int
    why: str = ""


class _AlertEvent(Event):
    """`deployment` is empty for a rule of the endpoint; `measured` is what the condition was compared with."""

    endpoint: str
    deployment: str = ""
    alert: str
    condition: str
    window_s: int
    severity: int
    measured: float | None = None


class AlertFired(_AlertEvent): ...


class AlertResolved(_AlertEvent): ...


class DeploymentDeleted(Event):
    endpoint: str
    deployment: str


def _concrete(kind: type[Event]) -> list[type[Event]]:
    below = [found for child in kind.__subclasses__() for found in _concrete(child)]
    return below if kind.__name__.startswith("_") or kind is Event else [kind, *below]


CATALOGUE: dict[str, type[Event]] = {kind.__name__: kind for kind in _concrete(Event)}
