"""Tables of named secrets, of the keys that sign endpoint tokens, and of the key that all values are sealed with, which is
never here itself."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from zaffre.server import db

sealing_keys = sa.Table(
    "sealing_keys",
    db.metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("kept_at", sa.Text, nullable=False),
)
secrets = sa.Table(
    "secrets",
    db.metadata,
    sa.Column("workspace", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("created_at", db.Moment, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("modified_at", db.Moment, nullable=False),
    sa.Column("modified_by", sa.Text, nullable=False),
)
secret_uses = sa.Table(
    "secret_uses",
    db.metadata,
    sa.Column("workspace", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(255), primary_key=True),
    sa.Column("user", sa.String(255), primary_key=True),
)
signing_keys = sa.Table(
    "signing_keys",
    db.metadata,
    sa.Column("kid", sa.String(32), primary_key=True),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("public", db.Json, nullable=False),
    sa.Column("created_at", db.Moment, nullable=False),
)


def remember(uow: db.UnitOfWork, name: str, *, fingerprint: str, kept_at: str) -> tuple[str, str]:
    """Fingerprint and place of the key that came first, which may be this one."""
    kind = postgresql if uow.connection.dialect.name == "postgresql" else sqlite
    row = {"name": name, "fingerprint": fingerprint, "kept_at": kept_at}
    uow.connection.execute(kind.insert(sealing_keys).values(**row).on_conflict_do_nothing())
    query = sa.select(sealing_keys.c.fingerprint, sealing_keys.c.kept_at).where(sealing_keys.c.name == name)
    found = uow.connection.execute(query).one()
    return found.fingerprint, found.kept_at


def get_secret(uow: db.UnitOfWork, workspace: str, name: str, *, lock: bool = False) -> sa.Row[Any] | None:
    query = sa.select(secrets).where(_secret(workspace, name))
    return uow.connection.execute(query.with_for_update() if lock else query).first()


def list_secrets(uow: db.UnitOfWork, workspace: str) -> list[sa.Row[Any]]:
    query = sa.select(secrets).where(secrets.c.workspace == workspace).order_by(secrets.c.name)
    return list(uow.connection.execute(query))


def insert_secret(uow: db.UnitOfWork, row: dict[str, Any]) -> None:
    uow.connection.execute(secrets.insert().values(**row))


def update_secret(uow: db.UnitOfWork, workspace: str, name: str, values: dict[str, Any]) -> None:
    uow.connection.execute(secrets.update().where(_secret(workspace, name)).values(**values))


def delete_secret(uow: db.UnitOfWork, workspace: str, name: str) -> None:
    uow.connection.execute(secrets.delete().where(_secret(workspace, name)))


def users_of_secret(uow: db.UnitOfWork, workspace: str, name: str) -> list[str]:
    of_secret = (secret_uses.c.workspace == workspace) & (secret_uses.c.name == name)
    query = sa.select(secret_uses.c.user).where(of_secret).order_by(secret_uses.c.user)
    return list(uow.connection.execute(query).scalars())


def add_secret_use(uow: db.UnitOfWork, workspace: str, name: str, user: str) -> None:
    uow.connection.execute(secret_uses.insert().values(workspace=workspace, name=name, user=user))


def drop_secret_uses(uow: db.UnitOfWork, workspace: str, user: str) -> None:
    of_user = (secret_uses.c.workspace == workspace) & (secret_uses.c.user == user)
    uow.connection.execute(secret_uses.delete().where(of_user))


def list_signing_keys(uow: db.UnitOfWork) -> list[sa.Row[Any]]:
    """Newest first."""
    query = sa.select(signing_keys).order_by(signing_keys.c.created_at.desc(), signing_keys.c.kid)
    return list(uow.connection.execute(query))


def insert_signing_key(uow: db.UnitOfWork, row: dict[str, Any]) -> None:
    uow.connection.execute(signing_keys.insert().values(**row))


def delete_signing_keys(uow: db.UnitOfWork, kids: list[str]) -> None:
    uow.connection.execute(signing_keys.delete().where(signing_keys.c.kid.in_(kids)))


def _secret(workspace: str, name: str) -> sa.ColumnElement[bool]:
    return (secrets.c.workspace == workspace) & (secrets.c.name == name)
