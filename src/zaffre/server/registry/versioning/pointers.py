"""What points at versions: aliases, which people move, and uses, which keep a version from being deleted. Their rows;
`aliases` and `uses` say who may."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from zaffre.server import db
from zaffre.server.registry.versioning import store
from zaffre.server.registry.versioning.tables import alias_moves, aliases, assets, uses, versions

_BY_ALIAS = db.Prepared(
    store.OF_NAME.join(
        aliases, (aliases.c.asset_id == assets.c.id) & (aliases.c.alias == sa.bindparam("by_alias"))
    ).where(versions.c.id == aliases.c.version_id)
)


def version_at(uow: db.UnitOfWork, workspace: str, kind: str, name: str, alias: str) -> Any:
    """The version that an alias points at."""
    at = {"in_workspace": workspace, "of_kind": kind, "of_name": name}
    return next(iter(_BY_ALIAS.run(uow.connection, {**at, "by_alias": alias})), None)


_LABELS = db.Prepared(
    lambda dialect: (
        sa.select(aliases.c.version_id, aliases.c.alias)
        .where(db.among(aliases.c.version_id, "ids", dialect))
        .order_by(aliases.c.alias)
    )
)


def labels(uow: db.UnitOfWork, version_ids: Sequence[int]) -> dict[int, list[str]]:
    """The aliases of each of these versions."""
    found: dict[int, list[str]] = {}
    if version_ids:
        for row in _LABELS.run(uow.connection, {"ids": db.listed(version_ids)}):
            found.setdefault(row.version_id, []).append(row.alias)
    return found


def alias(uow: db.UnitOfWork, asset_id: int, name: str) -> sa.Row[Any] | None:
    mine = (aliases.c.asset_id == asset_id) & (aliases.c.alias == name)
    return uow.connection.execute(sa.select(aliases).where(mine)).first()


def all_aliases(uow: db.UnitOfWork, asset_id: int) -> list[sa.Row[Any]]:
    query = sa.select(aliases).where(aliases.c.asset_id == asset_id).order_by(aliases.c.alias)
    return list(uow.connection.execute(query))


def move_alias(uow: db.UnitOfWork, move: dict[str, Any], *, version_id: int | None) -> None:
    """Point an alias at a version, or nowhere, and remember that it was so."""
    mine = (aliases.c.asset_id == move["asset_id"]) & (aliases.c.alias == move["alias"])
    uow.connection.execute(aliases.delete().where(mine))
    if version_id is not None:
        row = {key: move[key] for key in ("asset_id", "alias", "version")}
        uow.connection.execute(aliases.insert().values(**row, version_id=version_id))
    uow.connection.execute(alias_moves.insert().values(**move))


def drop_aliases(uow: db.UnitOfWork, row: sa.Row[Any], **stamps: Any) -> None:
    """End the aliases that point at a version which goes."""
    pointing = sa.select(aliases.c.alias).where(aliases.c.version_id == row.id)
    for name in list(uow.connection.execute(pointing).scalars()):
        move = {"asset_id": row.asset_id, "alias": name, "version": None, "previous": row.version}
        move_alias(uow, {**move, **stamps}, version_id=None)


def alias_history(uow: db.UnitOfWork, asset_id: int, name: str) -> list[sa.Row[Any]]:
    mine = (alias_moves.c.asset_id == asset_id) & (alias_moves.c.alias == name)
    return list(uow.connection.execute(sa.select(alias_moves).where(mine).order_by(alias_moves.c.id.desc())))


_USE = db.Insert(uses, known_stay=True)


def add_use(uow: db.UnitOfWork, version_id: int, workspace: str, user: str) -> None:
    uow.later(_USE, {"version_id": version_id, "workspace": workspace, "user": user})


def drop_uses(uow: db.UnitOfWork, workspace: str, user: str) -> None:
    uow.connection.execute(uses.delete().where((uses.c.workspace == workspace) & (uses.c.user == user)))


_USERS = db.Prepared(
    lambda dialect: (
        sa.select(uses.c.version_id, uses.c.user)
        .where(db.among(uses.c.version_id, "ids", dialect))
        .order_by(uses.c.version_id, uses.c.user)
    )
)


def users(uow: db.UnitOfWork, version_ids: Sequence[int]) -> list[tuple[int, str]]:
    """Who uses each of these versions."""
    return [tuple(row) for row in _USERS.run(uow.connection, {"ids": db.listed(version_ids)})]


def uses_of(uow: db.UnitOfWork, workspace: str, user: str) -> list[str]:
    query = (
        sa.select(assets.c.kind, assets.c.name, versions.c.version)
        .join(versions, versions.c.asset_id == assets.c.id)
        .join(uses, uses.c.version_id == versions.c.id)
        .where((uses.c.workspace == workspace) & (uses.c.user == user))
        .order_by(assets.c.kind, assets.c.name, versions.c.version)
    )
    return [f"{row.kind}/{row.name}:{row.version}" for row in uow.connection.execute(query)]
