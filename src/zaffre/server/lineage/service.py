"""From events to a graph, and from any answer of an endpoint back to everything behind it."""

from collections.abc import Iterator, Sequence
from typing import Any

from zaffre.contracts import envelopes
from zaffre.core import clock, errors
from zaffre.server import db
from zaffre.server.access import callers
from zaffre.server.lineage import reading, store

DEEPEST = 12


def record(uow: db.UnitOfWork, told: Sequence[envelopes.Envelope]) -> None:
    """A subscriber of events; being told twice changes nothing."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    relations: list[dict[str, Any]] = []
    for envelope in told:
        nodes, edges = reading.read(envelope)
        mine = found.setdefault(envelope.workspace, {})
        for node, facts in nodes:
            row = {"workspace": envelope.workspace, "id": node, "time": envelope.time, "facts": {}}
            mine.setdefault(node, row)["facts"].update(facts)
        for source, relation, target in edges:
            row = {"workspace": envelope.workspace, "source": source, "relation": relation, "target": target}
            relations.append(row)
    for workspace, rows in found.items():
        _save_nodes(uow, workspace, rows)
    store.save_edges(uow, relations)


def _save_nodes(uow: db.UnitOfWork, workspace: str, rows: dict[str, dict[str, Any]]) -> None:
    known = {row.id: row.facts for row in store.get_nodes(uow, workspace, list(rows))}
    merged = {
        node: {**row, "facts": {**known[node], **row["facts"]}} for node, row in rows.items() if node in known
    }
    store.insert_nodes(uow, [row for node, row in rows.items() if node not in known])
    store.update_nodes(uow, [row for node, row in merged.items() if row["facts"] != known[node]])


def trace(uow: db.UnitOfWork, caller: callers.Caller, workspace: str, subject: str) -> dict[str, Any]:
    """Everything behind a thing: `{"nodes": [{id, time, facts}], "edges": [{source, relation, target}]}`, nearest first.

    `subject` is an id such as `revisions/r1a2b3c4d5e6f` (the header `x-zaffre-revision` of an answer) or
    `models/churn:3`. Raises NotFound when nothing is recorded of it.
    """
    callers.require(caller, "lineage/read", f"workspaces/{workspace}/{subject}")
    if not store.get_nodes(uow, workspace, [subject]):
        raise errors.NotFound(
            f"Nothing is recorded of {subject} in workspace {workspace}.",
            hint="The revision of an answer is its header x-zaffre-revision.",
        )
    return _graph(uow, workspace, subject, lambda ids: _made_of(uow, workspace, ids), "target")


def dependents(uow: db.UnitOfWork, caller: callers.Caller, workspace: str, subject: str) -> dict[str, Any]:
    """Everything that was made from a thing, in the same form as `trace`."""
    callers.require(caller, "lineage/read", f"workspaces/{workspace}/{subject}")
    return _graph(uow, workspace, subject, lambda ids: store.edges_to(uow, workspace, ids), "source")


def _made_of(uow: db.UnitOfWork, workspace: str, ids: list[str]) -> list[Any]:
    # What a revision replaced is history, not part of what its answers are made of.
    return [edge for edge in store.edges_from(uow, workspace, ids) if edge.relation != "follows"]


def _graph(uow: db.UnitOfWork, workspace: str, start: str, look: Any, side: str) -> dict[str, Any]:
    order, edges = [start], []
    for edge in _walk([start], look, side):
        edges.append({"source": edge.source, "relation": edge.relation, "target": edge.target})
        if getattr(edge, side) not in order:
            order.append(getattr(edge, side))
    known = {row.id: row for row in store.get_nodes(uow, workspace, order)}
    nodes = [_node(node, known.get(node)) for node in order]
    return {"subject": start, "nodes": nodes, "edges": edges}


def _walk(frontier: list[str], look: Any, side: str) -> Iterator[Any]:
    seen = set(frontier)
    for _ in range(DEEPEST):
        found = look(frontier) if frontier else []
        yield from found
        frontier = sorted({getattr(edge, side) for edge in found} - seen)
        seen.update(frontier)


def _node(node: str, row: Any) -> dict[str, Any]:
    return {"id": node, "time": clock.isoformat(row.time) if row else None, "facts": row.facts if row else {}}
