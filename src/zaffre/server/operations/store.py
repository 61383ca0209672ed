"""Table of operations."""

from typing import Any

import sqlalchemy as sa

from zaffre.server import db

operations = sa.Table(
    "operations",
    db.metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("workspace", sa.String(64), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("progress", sa.Float, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("error", db.Json),
    sa.Column("result", db.Json),
    sa.Column("request", db.Json),
    sa.Column("created_at", db.Moment, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("modified_at", db.Moment, nullable=False),
    sa.Index("ix_operations_open", "workspace", "subject", "state"),
)


def insert(uow: db.UnitOfWork, row: dict[str, Any]) -> None:
    uow.connection.execute(operations.insert().values(**row))


def get(uow: db.UnitOfWork, operation_id: str) -> sa.Row[Any] | None:
    return uow.connection.execute(sa.select(operations).where(operations.c.id == operation_id)).first()


def list_open(uow: db.UnitOfWork, workspace: str, subject: str) -> list[sa.Row[Any]]:
    mine = (operations.c.workspace == workspace) & (operations.c.subject == subject)
    query = (
        sa.select(operations)
        .where(mine & (operations.c.state == "Running"))
        .order_by(operations.c.created_at)
    )
    return list(uow.connection.execute(query))


def list_open_of(uow: db.UnitOfWork, kinds: list[str] | None) -> list[sa.Row[Any]]:
    query = sa.select(operations).where(operations.c.state == "Running")
    if kinds is not None:
        query = query.where(operations.c.kind.in_(kinds))
    return list(uow.connection.execute(query.order_by(operations.c.created_at, operations.c.id)))


def update(uow: db.UnitOfWork, operation_id: str, values: dict[str, Any]) -> None:
    uow.connection.execute(operations.update().where(operations.c.id == operation_id).values(**values))


def any_open(uow: db.UnitOfWork) -> bool:
    query = sa.select(operations.c.id).where(operations.c.state == "Running").limit(1)
    return uow.connection.execute(query).first() is not None


def counts(uow: db.UnitOfWork) -> dict[tuple[str, str], int]:
    query = sa.select(operations.c.kind, operations.c.state, sa.func.count()).group_by(
        operations.c.kind, operations.c.state
    )
    return {(kind, state): count for kind, state, count in uow.connection.execute(query)}
