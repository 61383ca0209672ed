"""The text of Envoy's files, but for routes. Pure: values in, documents out; `envoy` writes them and sees them taken.

A resource document carries a version that is the hash of its content, so that the same wish is the same file.
One cluster stands for one revision's replicas: a new revision never changes the cluster that the old one uses.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from typing import Any

from zaffre.server.endpoints.router import limits, replies, stats, tracing, wanted

Document = dict[str, Any]

STAT_PREFIX = "scoring"
ROUTES = "scoring"
TOKENS = "jwt"
TYPE = "type.googleapis.com/envoy."
HTTP = TYPE + "extensions.filters.http."
_MAX_BUFFERED_BYTES = 1 << 20
_LONGEST_EXPRESSION = 1000
"""In steps, of which each character takes one: two keys of 256 fit (`guards`). Envoy's own limit is 100."""


@dataclasses.dataclass(frozen=True)
class Place:
    """Where one router lives: its folder of files, its admin pipe, and the address it listens on."""

    folder: str
    admin_socket: str
    host: str
    port: int
    max_connections: int = 10_000
    transport_socket: Document | None = None
    traces: tracing.Tracing | None = None


def text(document: Document) -> str:
    """A document as Envoy reads it, in one form for one content."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def bootstrap(place: Place) -> Document:
    """What Envoy is started with; everything that changes later comes from watched folders."""
    return {
        "node": {"id": "zaffre", "cluster": "zaffre"},
        "admin": {"address": {"pipe": {"path": place.admin_socket, "mode": 0o600}}},
        "dynamic_resources": {"cds_config": watched(f"{place.folder}/cds", "clusters.json")},
        "static_resources": {
            "listeners": [_listener(place)],
            **({"clusters": [place.traces.cluster()]} if place.traces else {}),
        },
        "overload_manager": {"resource_monitors": [_connection_monitor(place.max_connections)]},
        "stats_config": {"stats_matcher": {"inclusion_list": {"patterns": [
            {"prefix": "cluster_manager."}, {"prefix": f"http.{STAT_PREFIX}."}, {"prefix": "listener."},
            {"prefix": "server."}, {"prefix": "cluster.r"}, {"prefix": "sds."},
            {"prefix": "extension_config_discovery."}, {"contains": stats.REFUSALS},
        ]}}, "histogram_bucket_settings": [
            {"match": {"suffix": "rq_time"}, "buckets": list(stats.LATENCY_BOUNDS_MS)},
        ]},
        "stats_flush_interval": "1s",
        "layered_runtime": {"layers": [{"name": "zaffre", "static_layer": {
            "re2.max_program_size.error_level": _LONGEST_EXPRESSION,
            **(place.traces.pace() if place.traces else {}),
        }}]},
    }  # fmt: skip


def clusters(items: Iterable[Document]) -> Document:
    """The CDS document: every cluster with its limits and health checks; its hosts come from a file of their own."""
    return versioned(sorted(items, key=lambda item: str(item["name"])))


def cluster(item: wanted.Cluster, folder: str) -> Document:
    """One resource of the CDS document."""
    return {
        "@type": TYPE + "config.cluster.v3.Cluster",
        "name": item.name,
        "type": "EDS",
        "eds_cluster_config": {"eds_config": watched(f"{folder}/eds", f"{item.name}.json")},
        "connect_timeout": "1s",
        "lb_policy": "LEAST_REQUEST",
        "common_lb_config": {
            # A host that was taken out gets no request even when no other is left: it is about to end.
            "healthy_panic_threshold": {"value": 0},
            # Workers hear of healthy, draining and dead hosts at once, not up to a second later.
            "update_merge_window": "0s",
        },
        "ignore_health_on_host_removal": True,
        "per_connection_buffer_limit_bytes": _MAX_BUFFERED_BYTES,
        "health_checks": [limits.presence()],
        "circuit_breakers": limits.circuit_breakers(item),
        "outlier_detection": limits.dead_hosts(),
    }


def assignment(cluster: wanted.Cluster) -> Document:
    """The EDS document of one cluster: its hosts."""
    hosts = sorted(cluster.hosts, key=lambda host: host.socket)
    resource = {
        "@type": TYPE + "config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": cluster.name,
        **limits.localities(hosts),
    }
    return versioned([resource])


def hosts(document: Document) -> tuple[wanted.Host, ...]:
    """The hosts that an EDS document of ours names."""
    return limits.hosts(document["resources"][0])


def version(document: Document) -> str:
    """The version a resource document carries."""
    return str(document["version_info"])


def versioned(resources: list[Document]) -> Document:
    digest = hashlib.sha256(text({"resources": resources}).encode()).hexdigest()
    return {"version_info": digest[:16], "resources": resources}


def watched(folder: str, file: str) -> Document:
    return {
        "resource_api_version": "V3",
        "path_config_source": {"path": f"{folder}/{file}", "watched_directory": {"path": folder}},
    }


def seconds(value: float) -> str:
    return f"{value:.3f}s"


def _listener(place: Place) -> Document:
    return {
        "name": "scoring",
        "address": {"socket_address": {"address": place.host, "port_value": place.port}},
        "per_connection_buffer_limit_bytes": _MAX_BUFFERED_BYTES,
        "filter_chains": [
            {
                "filters": [{"name": "http", "typed_config": _connection_manager(place)}],
                **({"transport_socket": place.transport_socket} if place.transport_socket else {}),
            },
        ],
    }


def _connection_manager(place: Place) -> Document:
    return {
        "@type": TYPE
        + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": STAT_PREFIX,
        "rds": {"route_config_name": ROUTES, "config_source": watched(f"{place.folder}/rds", "routes.json")},
        "http_filters": [
            _token_filter(place.folder),
            {"name": "rbac", "disabled": True, "typed_config": {"@type": HTTP + "rbac.v3.RBAC"}},
            {
                "name": "router",
                "typed_config": {"@type": HTTP + "router.v3.Router", "suppress_envoy_headers": True},
            },
        ],
        "local_reply_config": replies.local_replies(),
        # What speaks 1.0 may name no host; then it is at the paths, whose host is any.
        "http_protocol_options": {"accept_http_10": True, "default_host_for_http_10": "zaffre"},
        # Clients must not steer the router by x-envoy-* headers: nobody counts as internal.
        "use_remote_address": True,
        "internal_address_config": {"cidr_ranges": [{"address_prefix": "255.255.255.255", "prefix_len": 32}]},
        "preserve_external_request_id": True,
        "always_set_request_id_in_response": True,
        "normalize_path": True,
        "server_header_transformation": "PASS_THROUGH",
        "request_headers_timeout": "30s",
        "max_request_headers_kb": 60,
        "request_timeout": "300s",
        **(place.traces.manager() if place.traces else {}),
    }  # fmt: skip


def _token_filter(folder: str) -> Document:
    """Checks tokens on the routes that ask for it; on every other one it does not exist."""
    return {
        "name": TOKENS,
        "disabled": True,
        "config_discovery": {
            "config_source": watched(f"{folder}/ecds", f"{TOKENS}.json"),
            "type_urls": [HTTP + "jwt_authn.v3.JwtAuthentication"],
        },
    }


def _connection_monitor(limit: int) -> Document:
    """Files are finite: one client's idle connections must not take those that replicas need."""
    return {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {
            "@type": TYPE + "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
            "max_active_downstream_connections": limit,
        },
    }  # fmt: skip
