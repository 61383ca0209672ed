"""What the router should do, in plain values. The reconciler builds it, `files` turns it into Envoy's words."""

import dataclasses
from collections.abc import Mapping

from zaffre.server.endpoints.router import tracing


@dataclasses.dataclass(frozen=True)
class Host:
    """One worker process behind its Unix socket. A draining one finishes its requests and gets no new ones.

    `door` leads there, too, and holds requests while the process is started again.
    """

    socket: str
    draining: bool = False
    door: str = ""


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The replicas of one revision. `name` is the revision's id; `max_requests` may be under way at once."""

    name: str
    hosts: tuple[Host, ...]
    max_requests: int


@dataclasses.dataclass(frozen=True)
class Target:
    """One deployment as a place that requests go to."""

    deployment: str
    cluster: str
    timeout_ms: int = 5000
    retry: bool = True
    traced: bool = False


@dataclasses.dataclass(frozen=True)
class Provider:
    """Who signs tokens: the issuer's name in them, and its public keys as a JSON Web Key Set (none known: empty)."""

    name: str
    issuer: str
    keys: str
    clock_skew_s: int = 1


@dataclasses.dataclass(frozen=True)
class TokenRule:
    """Which tokens open an endpoint: by whom, for whom, and with which further claims."""

    provider: str
    audience: str
    claims: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Endpoint:
    """One address, opened by keys or, with `tokens`, by tokens. `keys` maps a key's name to the key; `traffic` and `mirror` map deployments to per cent."""

    workspace: str
    name: str
    keys: Mapping[str, str] = dataclasses.field(repr=False)
    targets: tuple[Target, ...] = ()
    traffic: Mapping[str, int] = dataclasses.field(default_factory=dict)
    mirror: Mapping[str, int] = dataclasses.field(default_factory=dict)
    tokens: TokenRule | None = None


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Everything the router serves."""

    endpoints: tuple[Endpoint, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    domain: str = ""
    providers: tuple[Provider, ...] = ()
    traces: tracing.Tracing | None = None
