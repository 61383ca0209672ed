"""The catalogue of events: what happened, in the past tense, with ids and values only.

Services append them, the outbox delivers them, and audit, lineage, automation and the studio read the same words.
"""

import dataclasses
import datetime as dt
from typing import Any

from zaffre.core import clock, errors


@dataclasses.dataclass(frozen=True, kw_only=True)
class Event:
    """Base of all. The class name is the type."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _AssetRegistered(Event):
    name: str
    version: str
    asset_type: str = ""
    manifest_digest: str = ""
    size: int = 0
    tags: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _AssetUpdated(Event):
    """`changes` maps a field's name to its new value."""

    name: str
    version: str
    changes: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _AssetChanged(Event):
    """`version` is None when the whole name is meant."""

    name: str
    version: str | None = None


class ModelRegistered(_AssetRegistered): ...


class ModelUpdated(_AssetUpdated): ...


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


@dataclasses.dataclass(frozen=True, kw_only=True)
class EnvironmentLocked(Event):
    """The lock was made; every build uses it from now on."""

    name: str
    version: str
    lock_digest: str
    python: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AliasMoved(Event):
    """`version` is None when the alias was removed, `previous` when it was new."""

    kind: str
    name: str
    alias: str
    version: str | None
    previous: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class _WorkspaceEvent(Event):
    name: str


class WorkspaceCreated(_WorkspaceEvent): ...


class WorkspaceUpdated(_WorkspaceEvent): ...


class WorkspaceDeleted(_WorkspaceEvent): ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenCreated(Event):
    """Never the token itself."""

    token_id: str
    name: str
    grants: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TokenRevoked(Event):
    token_id: str
    name: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class _EndpointEvent(Event):
    endpoint: str


class EndpointCreated(_EndpointEvent): ...


class EndpointUpdated(_EndpointEvent): ...


class EndpointDeleted(_EndpointEvent): ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeysRegenerated(Event):
    """`key` is `primary` or `secondary`; never its value."""

    endpoint: str
    key: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrafficChanged(Event):
    """Per cent by deployment; `previous` is what it was before."""

    endpoint: str
    traffic: dict[str, int]
    mirror_traffic: dict[str, int] = dataclasses.field(default_factory=dict)
    previous: dict[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeploymentRevised(Event):
    """A revision was accepted; from here lineage knows what its answers are made of. `models` are `name:version`."""

    endpoint: str
    deployment: str
    revision: str
    models: list[str] = dataclasses.field(default_factory=list)
    environment: str = ""
    environment_lock_digest: str = ""
    code_digest: str = ""
    settings_digest: str = ""
    previous_revision: str | None = None
    rolled_back_to: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeploymentReady(Event):
    endpoint: str
    deployment: str
    revision: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeploymentFailed(Event):
    """`cause` is one line: why it will not come up."""

    endpoint: str
    deployment: str
    revision: str
    cause: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeploymentDeleted(Event):
    endpoint: str
    deployment: str


def _concrete(kind: type[Event]) -> list[type[Event]]:
    below = [found for child in kind.__subclasses__() for found in _concrete(child)]
    return below if kind.__name__.startswith("_") or kind is Event else [kind, *below]


CATALOGUE: dict[str, type[Event]] = {kind.__name__: kind for kind in _concrete(Event)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Envelope:
    """One event as it travels: who, when, about what, and why. `data` is the event's values."""

    id: str
    time: dt.datetime
    type: str
    workspace: str
    subject: str
    actor: str
    data: dict[str, Any]
    reason: str = ""
    request_id: str = ""

    def event(self) -> Event:
        """The event inside."""
        return from_data(self.type, self.data)

    def to_wire(self) -> dict[str, Any]:
        """The JSON object that subscribers receive."""
        return {**{field.name: getattr(self, field.name) for field in dataclasses.fields(self)},
                "time": clock.isoformat(self.time)}  # fmt: skip

    @classmethod
    def from_wire(cls, body: dict[str, Any]) -> "Envelope":
        """The envelope that a JSON object describes."""
        known = {field.name for field in dataclasses.fields(cls)}
        values = {key: item for key, item in body.items() if key in known}
        return cls(**{**values, "time": clock.parse(body["time"])})


def to_data(event: Event) -> dict[str, Any]:
    """The values of an event, ready for JSON."""
    return dataclasses.asdict(event)


def from_data(type_name: str, data: dict[str, Any]) -> Event:
    """The event of a stored type and values; values that this version does not know are left out. Raises Invalid."""
    kind = CATALOGUE.get(type_name)
    if kind is None:
        raise errors.Invalid(
            f"{type_name!r} is not in the catalogue of events.", hint="A newer server wrote it."
        )
    known = {field.name for field in dataclasses.fields(kind)}
    return kind(**{key: item for key, item in data.items() if key in known})
