"""Tables of the lineage graph: things with their facts, and the relations between them."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from zaffre.server import db

nodes = sa.Table(
    "lineage_nodes",
    db.metadata,
    sa.Column("workspace", sa.String(64), primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("time", db.Moment, nullable=False),
    sa.Column("facts", db.Json, nullable=False),
)
edges = sa.Table(
    "lineage_edges",
    db.metadata,
    sa.Column("workspace", sa.String(64), primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("relation", sa.String(32), primary_key=True),
    sa.Column("target", sa.Text, primary_key=True),
    sa.Index("ix_lineage_edges_target", "workspace", "target"),
)


def get_nodes(uow: db.UnitOfWork, workspace: str, ids: list[str]) -> list[sa.Row[Any]]:
    query = sa.select(nodes).where((nodes.c.workspace == workspace) & nodes.c.id.in_(ids))
    return list(uow.connection.execute(query))


# Built once: these run for every event.
_FACTS = sa.select(nodes.c.facts).where(
    (nodes.c.workspace == sa.bindparam("workspace")) & (nodes.c.id == sa.bindparam("node"))
)
_INSERT_NODE = nodes.insert()
_INSERT_EDGE = {
    name: insert(edges).on_conflict_do_nothing()
    for name, insert in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}


def save_node(uow: db.UnitOfWork, row: dict[str, Any]) -> None:
    """Write a thing's facts, or add to those that are known."""
    known = uow.connection.execute(_FACTS, {"workspace": row["workspace"], "node": row["id"]}).first()
    if known is None:
        uow.connection.execute(_INSERT_NODE, row)
        return
    facts = {**known.facts, **row["facts"]}
    if facts != known.facts:
        mine = (nodes.c.workspace == row["workspace"]) & (nodes.c.id == row["id"])
        uow.connection.execute(nodes.update().where(mine).values(facts=facts))


def save_edge(uow: db.UnitOfWork, row: dict[str, Any]) -> None:
    uow.connection.execute(_INSERT_EDGE[uow.connection.dialect.name], row)


def edges_from(uow: db.UnitOfWork, workspace: str, ids: list[str]) -> list[sa.Row[Any]]:
    query = sa.select(edges).where((edges.c.workspace == workspace) & edges.c.source.in_(ids))
    return list(uow.connection.execute(query.order_by(edges.c.source, edges.c.relation, edges.c.target)))


def edges_to(uow: db.UnitOfWork, workspace: str, ids: list[str]) -> list[sa.Row[Any]]:
    query = sa.select(edges).where((edges.c.workspace == workspace) & edges.c.target.in_(ids))
    return list(uow.connection.execute(query.order_by(edges.c.target, edges.c.relation, edges.c.source)))
