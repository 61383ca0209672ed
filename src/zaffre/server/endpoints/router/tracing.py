"""Spans of the router: Envoy's OpenTelemetry tracer, for the deployments that are traced and for no others. Pure.

Called by `files` and `routes` when a collector is configured; without one Envoy has no tracer at all. Envoy would write its
own `traceparent` into every request as soon as it has a tracer. It is told not to, and routes of traced deployments
write it themselves: what is not traced passes as it came. Which requests are traced is an expression (CEL), which Envoy
takes as a tree for its sampler and as text in a header's value; both are made from the same words here.
"""

import dataclasses
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import certifi

Document = dict[str, Any]

CLUSTER = "otlp"
_ROUTE = "traced"
_TYPE = "type.googleapis.com/envoy."
_SAMPLER = "envoy.tracers.opentelemetry.samplers.cel"
_TIMEOUT = "5s"
_PARENT = "traceparent"


@dataclasses.dataclass(frozen=True)
class Tracing:
    """Where spans go, and which share of the requests without a trace of their own is traced."""

    url: str
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    share: float = 1.0

    @classmethod
    def of(cls, traces: Mapping[str, Any]) -> "Tracing | None":
        """From what replicas are told; None when no collector is configured."""
        if not traces:
            return None
        return cls(traces["otlp_url"], traces["otlp_headers"], traces["trace_share"])

    def manager(self) -> Document:
        """What the connection manager is told."""
        headers = [{"header": {"key": key, "value": value}} for key, value in sorted(self.headers.items())]
        service = {
            "http_uri": {"uri": f"{self.url.rstrip('/')}/v1/traces", "cluster": CLUSTER, "timeout": _TIMEOUT},
            "request_headers_to_add": headers,
        }
        tracer = {
            "@type": _TYPE + "config.trace.v3.OpenTelemetryConfig",
            "http_service": service,
            "service_name": "zaffre/router",
            "sampler": {"name": _SAMPLER, "typed_config": _sampler(self._wanted())},
        }
        request_id = {
            "@type": _TYPE + "extensions.request_id.uuid.v3.UuidRequestIdConfig",
            "pack_trace_reason": False,
            "use_request_id_for_trace_sampling": False,
        }
        return {
            "tracing": {
                "provider": {"name": "envoy.tracers.opentelemetry", "typed_config": tracer},
                "no_context_propagation": True,
                "custom_tags": [{"tag": "zaffre.request_id", "request_header": {"name": "x-request-id"}}],
            },
            "request_id_extension": {"typed_config": request_id},
        }

    def cluster(self) -> Document:
        """The collector as a place that requests go to."""
        parts = urlsplit(self.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        address = {"socket_address": {"address": parts.hostname or "", "port_value": port}}
        found: Document = {
            "name": CLUSTER,
            "type": "STRICT_DNS",
            "connect_timeout": _TIMEOUT,
            "load_assignment": {
                "cluster_name": CLUSTER,
                "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
            },
        }
        if parts.scheme == "https":
            found["transport_socket"] = _verified(parts.hostname or "")
        return found

    def pace(self) -> Document:
        """How spans are sent: every second, and before that only when many wait."""
        return {"tracing.opentelemetry": {"flush_interval_ms": 1000, "min_flush_spans": 256}}

    def route(self, name: str) -> Document:
        """What makes a route one of a traced deployment of this name."""
        _, text = self._sampled()
        value = f"00-%TRACE_ID%-%SPAN_ID%-%CEL({text} ? '01' : '00')%"
        written = {
            "header": {"key": _PARENT, "value": value},
            "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
        }
        return {
            "name": _ROUTE,
            "decorator": {"operation": name, "propagate": False},
            "request_headers_to_add": [written],
        }

    def _wanted(self) -> "Expression":
        sampled, _ = self._sampled()
        return _call("_&&_", _call("_==_", _select("xds", "route_name"), _text(_ROUTE)), sampled)

    def _sampled(self) -> "tuple[Expression, str]":
        """Who has a trace decides; of the others a share is taken by their ids, which are random where the router made them."""
        headers, parent = _select("request", "headers"), _text(_PARENT)
        theirs = _call("_[_]", headers, parent)
        ends = [
            {"call_expr": {"target": theirs, "function": "endsWith", "args": [_text(end)]}} for end in "13"
        ]
        ours, text = self._chosen()
        tree = _call("_?_:_", _call("@in", parent, headers), _call("_||_", *ends), ours)
        there = f"request.headers['{_PARENT}']"
        said = f"({there}.endsWith('1') || {there}.endsWith('3'))"
        return tree, f"('{_PARENT}' in request.headers ? {said} : {text})"

    def _chosen(self) -> "tuple[Expression, str]":
        if not 0 < self.share < 1:
            whole = self.share >= 1
            return {"const_expr": {"bool_value": whole}}, str(whole).lower()
        limit = f"{int(self.share * 2**32):08x}"
        return _call("_<_", _select("request", "id"), _text(limit)), f"request.id < '{limit}'"


Expression = dict[str, Any]


def _select(thing: str, field: str) -> Expression:
    return {"select_expr": {"operand": {"ident_expr": {"name": thing}}, "field": field}}


def _text(value: str) -> Expression:
    return {"const_expr": {"string_value": value}}


def _call(function: str, *arguments: Expression) -> Expression:
    return {"call_expr": {"function": function, "args": list(arguments)}}


def _sampler(expression: Expression) -> Document:
    return {
        "@type": _TYPE + "extensions.tracers.opentelemetry.samplers.v3.CELSamplerConfig",
        "expression": {"cel_expr_parsed": {"expr": _numbered(expression)}},
    }


def _numbered(expression: Expression) -> Expression:
    """The same with an id in every node, as the form demands."""
    count = 0

    def visit(value: Any) -> Any:
        nonlocal count
        if isinstance(value, list):
            return [visit(item) for item in value]
        if not isinstance(value, dict):
            return value
        found = {key: visit(item) for key, item in value.items()}
        if any(key.endswith("_expr") for key in value):
            count += 1
            found["id"] = count
        return found

    numbered: Expression = visit(expression)
    return numbered


def _verified(host: str) -> Document:
    """TLS as the machine trusts it."""
    context = {
        "@type": _TYPE + "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "sni": host,
        "common_tls_context": {
            "validation_context": {
                "trusted_ca": {"filename": ssl.get_default_verify_paths().cafile or certifi.where()},
                "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": host}}],
            }
        },
    }
    return {"name": "tls", "typed_config": context}
