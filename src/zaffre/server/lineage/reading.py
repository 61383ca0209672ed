"""What each event says about what was made of what. Pure: an envelope in, nodes and edges out.

A new kind of event is read by adding a function and its line in `_READERS`.
"""

from collections.abc import Callable
from typing import Any

from zaffre.contracts import envelopes
from zaffre.contracts import events as catalogue
from zaffre.core import clock

Node = tuple[str, dict[str, Any]]
Edge = tuple[str, str, str]
Facts = tuple[list[Node], list[Edge]]


def read(envelope: envelopes.Envelope) -> Facts:
    """Nodes with their facts, and edges from what was made to what it was made of. Unknown events say nothing."""
    reader = _READERS.get(envelope.type)
    return reader(envelope, envelope.event()) if reader else ([], [])


def _cause(envelope: envelopes.Envelope) -> dict[str, Any]:
    return {"by": envelope.actor, "reason": envelope.reason, "at": clock.isoformat(envelope.time)}


def _registered(plural: str) -> Callable[[envelopes.Envelope, Any], Facts]:
    def read_it(envelope: envelopes.Envelope, event: Any) -> Facts:
        node = f"{plural}/{event.name}:{event.version}"
        facts = {
            "type": event.asset_type,
            "size": event.size,
            "tags": event.tags,
            "registered": _cause(envelope),
        }
        if not event.manifest_digest:
            return [(node, facts)], []
        content = f"trees/{event.manifest_digest}"
        return [(node, facts), (content, {"size": event.size})], [(node, "consists-of", content)]

    return read_it


def _converted(envelope: envelopes.Envelope, event: catalogue.ModelConverted) -> Facts:
    node, source = (
        f"models/{event.name}:{event.version}",
        f"models/{event.source_name}:{event.source_version}",
    )
    facts = {
        "to": event.to,
        "converters": event.converters,
        "opset": event.opset,
        "rtol": event.rtol,
        "atol": event.atol,
        "converted": _cause(envelope),
    }
    return [(node, facts), (source, {})], [(node, "converted-from", source)]


def _locked(envelope: envelopes.Envelope, event: catalogue.EnvironmentLocked) -> Facts:
    node, lock = f"environments/{event.name}:{event.version}", f"locks/{event.lock_digest}"
    return [(node, {}), (lock, {"python": event.python})], [(node, "locked-as", lock)]


def _revised(envelope: envelopes.Envelope, event: catalogue.DeploymentRevised) -> Facts:
    node = f"revisions/{event.revision}"
    deployment = f"endpoints/{event.endpoint}/deployments/{event.deployment}"
    facts = {
        "endpoint": event.endpoint,
        "deployment": event.deployment,
        "settings_digest": event.settings_digest,
        "rolled_back_to": event.rolled_back_to,
        "accepted": _cause(envelope),
    }
    edges = [(node, "revision-of", deployment)]
    edges += [(node, "serves", f"models/{model}") for model in event.models]
    for relation, prefix, value in (
        ("runs-in", "environments/", event.environment),
        ("locked-as", "locks/", event.environment_lock_digest),
        ("runs-code", "trees/", event.code_digest),
        ("follows", "revisions/", event.previous_revision),
    ):
        if value:
            edges.append((node, relation, prefix + value))
    return [(node, facts), (deployment, {})], edges


def _ready(envelope: envelopes.Envelope, event: catalogue.DeploymentReady) -> Facts:
    node, lock = f"revisions/{event.revision}", event.environment_lock_digest
    edges = [(node, "locked-as", f"locks/{lock}")] if lock else []
    return [(node, {"ready_at": clock.isoformat(envelope.time)})], edges


def _failed(envelope: envelopes.Envelope, event: catalogue.DeploymentFailed) -> Facts:
    return [
        (f"revisions/{event.revision}", {"failed_at": clock.isoformat(envelope.time), "cause": event.cause})
    ], []


_READERS: dict[str, Callable[[envelopes.Envelope, Any], Facts]] = {
    "ModelRegistered": _registered("models"),
    "ModelConverted": _converted,
    "DataRegistered": _registered("data"),
    "EnvironmentRegistered": _registered("environments"),
    "EnvironmentLocked": _locked,
    "DeploymentRevised": _revised,
    "DeploymentReady": _ready,
    "DeploymentFailed": _failed,
}
