"""Tables of the lineage graph: things with their facts, and the relations between them."""

from typing import Any

import sqlalchemy as sa

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


def save_node(uow: db.UnitOfWork, row: dict[str, Any]) -> None:
    """Write a thing's facts, or add to those that are known."""
    known = get_nodes(uow, row["workspace"], [row["id"]])
    mine = (nodes.c.workspace == row["workspace"]) & (nodes.c.id == row["id"])
    if known:
        facts = {**known[0].facts, **row["facts"]}
        uow.connection.execute(nodes.update().where(mine).values(facts=facts))
    else:
        uow.connection.execute(nodes.insert().values(**row))


def save_edge(uow: db.UnitOfWork, row: dict[str, Any]) -> None:
    same = sa.and_(*(edges.c[name] == value for name, value in row.items()))
    if not uow.connection.execute(sa.select(edges.c.source).where(same)).first():
        uow.connection.execute(edges.insert().values(**row))


def edges_from(uow: db.UnitOfWork, workspace: str, ids: list[str]) -> list[sa.Row[Any]]:
    query = sa.select(edges).where((edges.c.workspace == workspace) & edges.c.source.in_(ids))
    return list(uow.connection.execute(query.order_by(edges.c.source, edges.c.relation, edges.c.target)))


def edges_to(uow: db.UnitOfWork, workspace: str, ids: list[str]) -> list[sa.Row[Any]]:
    query = sa.select(edges).where((edges.c.workspace == workspace) & edges.c.target.in_(ids))
    return list(uow.connection.execute(query.order_by(edges.c.target, edges.c.relation, edges.c.source)))
