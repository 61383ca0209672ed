"""What keeps one deployment's trouble from spreading: how many requests, which hosts, what is tried again. Pure.

Called by `files` for clusters and by `routes`. A host has two names: its socket, which is there while its process answers,
and its door, where requests wait while the process is started again. Doors are a second priority: they get requests
only when no socket of the cluster can be reached.
"""

from typing import Any

from zaffre.server.endpoints.router import wanted

Document = dict[str, Any]

_TYPE = "type.googleapis.com/envoy."
_NO_CONNECTION_LIMIT = 1 << 20
_ALWAYS_ENOUGH = 100_000
_TRIES = 3
_SOCKET_TRIES = 2
MOST_BODY_BYTES = 104_857_600
ELSEWHERE = "x-zaffre-try-elsewhere"
"""A replica answers with it when it has not begun a request and will not soon (`zaffre_runtime.scoring.patience`)."""


def giant_body() -> tuple[Document, Document]:
    """A condition on the request's headers, and the answer: what a replica would refuse is refused before it is sent there."""
    sizes = {"start": MOST_BODY_BYTES + 1, "end": (1 << 63) - 1}
    answer = {
        "status": 413,
        "body": {"inline_string": f"The body is larger than the limit of {MOST_BODY_BYTES} bytes"},
    }
    return {"name": "content-length", "range_match": sizes}, answer


def circuit_breakers(item: wanted.Cluster) -> Document:
    """As many requests as the deployment takes, held ones included; the rest is refused at once."""
    return {
        "thresholds": [
            {
                "max_connections": _NO_CONNECTION_LIMIT,
                "max_requests": item.max_requests,
                "max_pending_requests": item.max_requests,
                "retry_budget": {
                    "budget_percent": {"value": 100},
                    "min_retry_concurrency": item.max_requests,
                },
            }
        ]
    }


def presence() -> Document:
    """Whether a host's socket is there, which its shim shows while the process answers. Nobody waits for the process itself:
    Envoy opens its port only when it has looked at every host of every cluster, and one that hangs would keep all waiting.

    One that is missing for less than the looks it takes is only being started again: if it were taken out meanwhile, it would
    be missed until the next look, while another one may die.
    """
    every = dict.fromkeys(("timeout", "interval", "no_traffic_interval", "unhealthy_interval"), "1s")
    return {**every, "unhealthy_threshold": 3, "healthy_threshold": 1, "tcp_health_check": {}}


def dead_hosts() -> Document:
    """A host that refuses connections gets no request for a moment. The balancer would favour it, because it has no
    request under way, and of two hosts it looks at both.

    A door counts as a host too, and is taken out when a request that it held timed out or was reset. So less than half of
    all names may be out at once: one door at least is always there for the last tries of `retries`.
    """
    others = ("consecutive_5xx", "success_rate", "local_origin_success_rate", "failure_percentage")
    return {
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 1,
        "interval": "0.250s",
        "base_ejection_time": "0.250s",
        "max_ejection_time": "2s",
        "max_ejection_percent": 49,
        **{f"enforcing_{name}": 0 for name in others},
    }


def localities(hosts: list[wanted.Host]) -> Document:
    """The hosts of a cluster: their sockets first, their doors for when no socket answers."""
    doors = [host for host in hosts if host.door]
    return {
        "endpoints": [
            {"priority": 0, "lb_endpoints": [_host(host, host.socket) for host in hosts]},
            *([{"priority": 1, "lb_endpoints": [_door(host) for host in doors]}] if doors else []),
        ],
        # One socket that answers is enough: no share of the requests goes to doors because some others are dead.
        "policy": {"overprovisioning_factor": _ALWAYS_ENOUGH},
    }


def hosts(resource: Document) -> tuple[wanted.Host, ...]:
    """The hosts that a resource with such localities names."""
    return tuple(
        wanted.Host(
            item["endpoint"]["address"]["pipe"]["path"],
            draining=item["health_status"] == "DRAINING",
            door=item.get("metadata", {}).get("filter_metadata", {}).get("zaffre", {}).get("door", ""),
        )
        for item in resource["endpoints"][0]["lb_endpoints"]
    )


def retries(*, repeat: bool) -> Document:
    """Without `repeat` only what no replica has begun is tried elsewhere.

    Few tries; the last ones knock at doors. A request that kills its replica does not come through all of them, as the
    replicas tell each other (`zaffre_runtime.scoring.begun`).
    """
    return {
        "retry_on": "connect-failure,refused-stream,retriable-headers" + (",reset" if repeat else ""),
        "retriable_headers": [{"name": ELSEWHERE, "present_match": True}],
        "num_retries": _TRIES,
        "retry_priority": {
            "name": "previous_priorities",
            "typed_config": {
                "@type": _TYPE + "extensions.retry.priority.previous_priorities.v3.PreviousPrioritiesConfig",
                "update_frequency": _SOCKET_TRIES,
            },
        },
        "retry_host_predicate": [
            {
                "name": "previous_hosts",
                "typed_config": {
                    "@type": _TYPE + "extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
                },
            }
        ],
        "host_selection_retry_max_attempts": 5,
        "retry_back_off": {"base_interval": "0.010s", "max_interval": "0.250s"},
    }


def _host(host: wanted.Host, path: str) -> Document:
    return {
        "endpoint": {"address": {"pipe": {"path": path}}},
        "health_status": "DRAINING" if host.draining else "HEALTHY",
        **({"metadata": {"filter_metadata": {"zaffre": {"door": host.door}}}} if host.door else {}),
    }


def _door(host: wanted.Host) -> Document:
    found = _host(host, host.door)
    found["endpoint"]["health_check_config"] = {"disable_active_health_check": True}
    return found
