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


_NODES = db.Prepared(
    lambda dialect: sa.select(nodes).where(
        (nodes.c.workspace == sa.bindparam("in_workspace")) & db.among(nodes.c.id, "ids", dialect)
    )
)


def get_nodes(uow: db.UnitOfWork, workspace: str, ids: list[str]) -> list[Any]:
    return list(_NODES.run(uow.connection, {"in_workspace": workspace, "ids": db.listed(ids)}))


# Built once: these run for every batch of events.
_INSERT_NODE = db.Insert(nodes)
_UPDATE_NODE = (
    nodes.update()
    .where((nodes.c.workspace == sa.bindparam("in_workspace")) & (nodes.c.id == sa.bindparam("node")))
    .values(facts=sa.bindparam("new_facts"))
)
_INSERT_EDGE = db.Insert(edges, known_stay=True)


def insert_nodes(uow: db.UnitOfWork, rows: list[dict[str, Any]]) -> None:
    """Write things that are not known yet."""
    _INSERT_NODE.run(uow.connection, rows)


def update_nodes(uow: db.UnitOfWork, rows: list[dict[str, Any]]) -> None:
    """Replace the facts of things that are known."""
    if rows:
        places = [
            {"in_workspace": row["workspace"], "node": row["id"], "new_facts": row["facts"]} for row in rows
        ]
        uow.connection.execute(_UPDATE_NODE, places)


def save_edges(uow: db.UnitOfWork, rows: list[dict[str, Any]]) -> None:
    """Write relations; those that are known stay."""
    _INSERT_EDGE.run(uow.connection, rows)


def edges_from(uow: db.UnitOfWork, workspace: str, ids: list[str]) -> list[sa.Row[Any]]:
    query = sa.select(edges).where((edges.c.workspace == workspace) & edges.c.source.in_(ids))
    return list(uow.connection.execute(query.order_by(edges.c.source, edges.c.relation, edges.c.target)))


def edges_to(uow: db.UnitOfWork, workspace: str, ids: list[str]) -> list[sa.Row[Any]]:
    query = sa.select(edges).where((edges.c.workspace == workspace) & edges.c.target.in_(ids))
    return list(uow.connection.execute(query.order_by(edges.c.target, edges.c.relation, edges.c.source)))
