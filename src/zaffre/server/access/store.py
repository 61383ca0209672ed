"""Tables of workspaces and tokens."""

from typing import Any

import sqlalchemy as sa

from zaffre.core import clock
from zaffre.server import db

workspaces = sa.Table(
    "workspaces",
    db.metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("resource_group", sa.Text, nullable=False),
    sa.Column("subscription", sa.Text, nullable=False),
    sa.Column("body", db.Json, nullable=False),
    sa.Column("created_at", db.Moment, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("modified_at", db.Moment, nullable=False),
)
tokens = sa.Table(
    "tokens",
    db.metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("secret_hash", sa.String(64), nullable=False),
    sa.Column("grants", db.Json, nullable=False),
    sa.Column("created_at", db.Moment, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("expires_at", db.Moment),
    sa.Column("revoked_at", db.Moment),
)


def get_token(uow: db.UnitOfWork, token_id: str) -> sa.Row[Any] | None:
    return uow.connection.execute(sa.select(tokens).where(tokens.c.id == token_id)).first()


def list_tokens(uow: db.UnitOfWork) -> list[sa.Row[Any]]:
    return list(uow.connection.execute(sa.select(tokens).order_by(tokens.c.created_at, tokens.c.id)))


def insert_token(uow: db.UnitOfWork, row: dict[str, Any]) -> None:
    uow.connection.execute(tokens.insert().values(**row))


def revoke_token(uow: db.UnitOfWork, token_id: str) -> None:
    uow.connection.execute(tokens.update().where(tokens.c.id == token_id).values(revoked_at=clock.now()))


def get_workspace(uow: db.UnitOfWork, name: str) -> sa.Row[Any] | None:
    return uow.connection.execute(sa.select(workspaces).where(workspaces.c.name == name)).first()


def list_workspaces(uow: db.UnitOfWork) -> list[sa.Row[Any]]:
    return list(uow.connection.execute(sa.select(workspaces).order_by(workspaces.c.name)))


def insert_workspace(uow: db.UnitOfWork, row: dict[str, Any]) -> None:
    uow.connection.execute(workspaces.insert().values(**row))


def update_workspace(uow: db.UnitOfWork, name: str, row: dict[str, Any]) -> None:
    uow.connection.execute(workspaces.update().where(workspaces.c.name == name).values(**row))


def delete_workspace(uow: db.UnitOfWork, name: str) -> None:
    uow.connection.execute(workspaces.delete().where(workspaces.c.name == name))
