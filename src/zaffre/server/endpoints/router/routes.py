"""The routes of all endpoints, as Envoy reads them: addresses, keys, named deployments, the split, the mirror. Pure.

Called by `envoy`. First match wins, so the order of routes is their meaning. The document holds keys.
"""

from collections.abc import Iterable, Iterator
from urllib.parse import quote

from zaffre.core import version
from zaffre.server.endpoints.router import files, guards, limits, replies, tracing, wanted

_STALLED_S = 5.0
_TOLD_ATTEMPTS = {"include_request_attempt_count": True}
"""A replica is told when a request comes for a second time (`zaffre_runtime.scoring.begun`)."""


def document(state: wanted.Wanted) -> files.Document:
    """The RDS document: paths, host names, keys, split, mirror. It holds keys, so its file is the owner's alone."""
    endpoints = sorted(state.endpoints, key=lambda endpoint: (endpoint.workspace, endpoint.name))
    by_path = [route for endpoint in endpoints for route in _routes(endpoint, _path(endpoint), state.traces)]
    hosts = {
        f"{endpoint.name}.{endpoint.workspace}.{state.domain}".lower(): endpoint
        for endpoint in endpoints
        if state.domain
    }
    resource = {
        "@type": files.TYPE + "config.route.v3.RouteConfiguration",
        "name": files.ROUTES,
        "ignore_port_in_host_matching": True,
        "virtual_hosts": [
            *(
                {
                    "name": host,
                    **_TOLD_ATTEMPTS,
                    "domains": [host],
                    "routes": [*_routes(endpoint, "/", state.traces), _unknown_endpoint()],
                }
                for host, endpoint in sorted(hosts.items())
            ),
            {"name": "paths", **_TOLD_ATTEMPTS, "domains": ["*"], "routes": [*by_path, _unknown_endpoint()]},
        ],
    }
    return files.versioned([resource])


def _path(endpoint: wanted.Endpoint) -> str:
    return f"/{quote(endpoint.workspace, safe='')}/{quote(endpoint.name, safe='')}/"


def _routes(
    endpoint: wanted.Endpoint, prefix: str, traces: tracing.Tracing | None
) -> Iterator[files.Document]:
    """Routes of one endpoint, first match wins, and what is looked at before it costs: whoever may not pass, who names no
    deployment (the usual), a named one, an unknown one."""
    yield from guards.strangers(endpoint, prefix)
    giant, refusal = limits.giant_body()
    yield _answer(endpoint, {"prefix": prefix, "headers": [giant]}, refusal)
    targets = {target.deployment: target for target in endpoint.targets}
    common = {name: _common(endpoint, target, traces) for name, target in sorted(targets.items())}
    yield from _split(endpoint, targets, prefix, common)
    for name, fields in common.items():
        header = {"name": replies.DEPLOYMENT_HEADER, "string_match": {"exact": name}}
        yield {**fields, "match": {"prefix": prefix, "headers": [header]}, **_to(targets[name])}
    missing = {"status": 404, "body": {"inline_string": f"Endpoint '{endpoint.name}'"}}
    yield _answer(endpoint, {"prefix": prefix}, missing)


def _common(
    endpoint: wanted.Endpoint, target: wanted.Target, traces: tracing.Tracing | None
) -> files.Document:
    """What all routes to a deployment say."""
    spans = {}
    if traces is not None and target.traced:
        spans = traces.route(f"{endpoint.workspace}/{endpoint.name}/{target.deployment}")
    guard = guards.of(endpoint)
    return {"typed_per_filter_config": guard, "request_headers_to_remove": ["authorization"], **spans}


def _answer(endpoint: wanted.Endpoint, match: files.Document, response: files.Document) -> files.Document:
    """The router answers by itself whoever may pass."""
    guard = guards.of(endpoint, answered_here=response["status"])
    return {"match": match, "direct_response": response, "typed_per_filter_config": guard}


def _split(
    endpoint: wanted.Endpoint,
    targets: dict[str, wanted.Target],
    prefix: str,
    common: dict[str, files.Document],
) -> Iterator[files.Document]:
    """One route for each deployment that has traffic, the largest share first. All compare the request's one random number
    with a rising limit, which divides like weighted clusters do, and lets each deployment keep its own timeout and retries."""
    by_share = sorted(endpoint.traffic.items(), key=lambda item: (-item[1], item[0]))
    shares = [(targets[name], share) for name, share in by_share if share > 0]
    mirrors = [_mirror(targets[name], share) for name, share in sorted(endpoint.mirror.items()) if share > 0]
    unnamed = {"prefix": prefix, "headers": [{"name": replies.DEPLOYMENT_HEADER, "present_match": False}]}
    limit = 0
    for target, share in shares:
        limit += share
        fraction = {"default_value": {"numerator": limit, "denominator": "HUNDRED"}}
        match = {**unnamed, "runtime_fraction": fraction} if limit < 100 else unnamed
        yield {**common[target.deployment], "match": match, **_to(target, mirrors)}
    if limit < 100:
        body = f"No deployment of endpoint '{endpoint.name}' has traffic"
        missing = {"status": 404, "body": {"inline_string": body}}
        yield _answer(endpoint, unnamed, missing)


def _to(target: wanted.Target, mirrors: Iterable[files.Document] = ()) -> files.Document:
    """Who answers is said here, not by the replica: a header that comes from upstream costs the router three times as much."""
    said = {
        replies.DEPLOYMENT_HEADER: target.deployment,
        replies.REVISION_HEADER: target.cluster,
        replies.VERSION_HEADER: f"zaffre/{version.VERSION}",
    }
    headers = [
        {"header": {"key": name, "value": value}, "append_action": "APPEND_IF_EXISTS_OR_ADD"}
        for name, value in said.items()
    ]
    return {"route": _route(target, mirrors), "response_headers_to_add": headers}


def _route(target: wanted.Target, mirrors: Iterable[files.Document] = ()) -> files.Document:
    return {
        "cluster": target.cluster,
        "prefix_rewrite": "/",
        "timeout": files.seconds(target.timeout_ms / 1000),
        # A client that stops in the middle of its body must not hold one of the deployment's places for long.
        "idle_timeout": files.seconds(target.timeout_ms / 1000 + _STALLED_S),
        "retry_policy": limits.retries(repeat=target.retry),
        "request_mirror_policies": list(mirrors),
    }


def _mirror(target: wanted.Target, share: int) -> files.Document:
    return {
        "cluster": target.cluster,
        "runtime_fraction": {"default_value": {"numerator": share, "denominator": "HUNDRED"}},
        "disable_shadow_host_suffix_append": True,
    }


def _unknown_endpoint() -> files.Document:
    missing = {"status": 404, "body": {"inline_string": "No endpoint answers at this address"}}
    return {"match": {"prefix": "/"}, "direct_response": missing, "typed_per_filter_config": guards.nowhere()}
