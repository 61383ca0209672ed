"""The single-row work of versioning: names counted up, versions entered, read, changed and removed, their tags, their locks."""

import datetime as dt
import hashlib
import secrets
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from zaffre.core import clock
from zaffre.server import db
from zaffre.server.registry.versioning.tables import assets, graves, tags, versions

READ: sa.Select[Any] = sa.select(
    *(column for column in versions.c if column.name != "lock"),
    assets.c.name,
    assets.c.archived.label("asset_archived"),
    assets.c.latest_id,
    assets.c.latest_version,
).join(assets, assets.c.id == versions.c.asset_id)
"""A version with what its asset adds; without the lock of an environment, which is long."""


def new_id(now: dt.datetime) -> int:
    """An id for a version that is made now."""
    return first_id(now) + secrets.randbelow(1024)


def first_id(moment: dt.datetime) -> int:
    """The smallest id that a version of this moment can have."""
    return int((moment - _EPOCH) / _MICROSECOND) << 10


_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)


def term(workspace: str, kind: str, key: str, value: str) -> int:
    """The number under which a tag is found; equal numbers of different tags are told apart by reading the version."""
    text = "\0".join((workspace, kind, key, value)).encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), signed=True)


_INSERTS: dict[str, Callable[[sa.Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def _on_both(build: Callable[[Callable[[sa.Table], Any]], Any]) -> dict[str, Any]:
    """A statement with ON CONFLICT for each database: the same words, in two classes. Built once, because building
    costs more than running."""
    return {name: build(insert) for name, insert in _INSERTS.items()}


def _for(uow: db.UnitOfWork, statements: dict[str, Any]) -> Any:
    return statements[uow.ahead.dialect.name]


def _counting(insert: Any, *, given: bool) -> Any:
    new = insert(assets)
    following, offered = assets.c.newest_id + 1, new.excluded.newest_id
    identity = sa.case((following > offered, following), else_=offered)
    larger = (new.excluded.counter > assets.c.counter, new.excluded.counter)
    counter: Any = sa.case(larger, else_=assets.c.counter) if given else assets.c.counter + 1
    entered = {
        "counter": counter,
        "archived": False,
        "newest_id": identity,
        "latest_id": identity,
        "latest_version": new.excluded.latest_version if given else sa.cast(counter, sa.String(255)),
    }
    keys = [assets.c.workspace, assets.c.kind, assets.c.name]
    changed = new.on_conflict_do_update(index_elements=keys, set_=entered)
    return changed.returning(assets.c.id, assets.c.counter, assets.c.newest_id)


_COUNT_UP = db.Prepared(lambda dialect: _counting(_INSERTS[dialect], given=False))
_TAKE_GIVEN = db.Prepared(lambda dialect: _counting(_INSERTS[dialect], given=True))
_ENSURE = _on_both(lambda insert: insert(assets).on_conflict_do_nothing())
_INSERT_VERSION = db.Insert(versions)
_INSERT_TAGS = db.Insert(tags)


def ensure_asset(uow: db.UnitOfWork, workspace: str, kind: str, name: str) -> None:
    """A row to lock for a name that may be new."""
    row = {
        "workspace": workspace,
        "kind": kind,
        "name": name,
        "counter": 0,
        "archived": False,
        "newest_id": 0,
    }
    uow.connection.execute(_for(uow, _ENSURE), row)


class Entered(NamedTuple):
    """An asset's row, its counter, and the id of the version that was entered."""

    id: int
    counter: int
    newest_id: int


def count_up(uow: db.UnitOfWork, workspace: str, kind: str, name: str, *, version: str | None) -> Entered:
    """Lock the name's row (made when new) and enter a version as its newest: the next number, or the one given.

    A given whole number moves the counter, so that the number after it is free.
    """
    fresh = new_id(clock.now())
    row = {
        "workspace": workspace, "kind": kind, "name": name, "archived": False, "newest_id": fresh,
        "counter": 1 if version is None else number_of(version),
        "latest_id": fresh, "latest_version": version or "1",
    }  # fmt: skip
    statement = _COUNT_UP if version is None else _TAKE_GIVEN
    return Entered(*statement.run(uow.ahead, row)[0])


def number_of(version: str | None) -> int:
    """The whole number that a version is, else 0; `007` is a text, because the counter never writes it."""
    plain = version is not None and version.isascii() and version.isdigit() and version[0] != "0"
    return int(version) if plain and version is not None and len(version) <= 15 else 0


def lock_asset(uow: db.UnitOfWork, workspace: str, kind: str, name: str) -> sa.Row[Any] | None:
    mine = (assets.c.workspace == workspace) & (assets.c.kind == kind) & (assets.c.name == name)
    return uow.connection.execute(sa.select(assets).where(mine).with_for_update()).first()


def asset(uow: db.UnitOfWork, workspace: str, kind: str, name: str) -> sa.Row[Any] | None:
    mine = (assets.c.workspace == workspace) & (assets.c.kind == kind) & (assets.c.name == name)
    return uow.connection.execute(sa.select(assets).where(mine)).first()


def listed_assets(uow: db.UnitOfWork, workspace: str, *, limit: int) -> list[sa.Row[Any]]:
    """Names that lists show, with their kind, of a whole workspace."""
    wanted = (assets.c.workspace == workspace) & assets.c.latest_id.is_not(None) & ~assets.c.archived
    query = sa.select(assets.c.kind, assets.c.name).where(wanted).order_by(assets.c.kind, assets.c.name)
    return list(uow.connection.execute(query.limit(limit)))


def set_asset(uow: db.UnitOfWork, asset_id: int, values: dict[str, Any]) -> None:
    uow.connection.execute(assets.update().where(assets.c.id == asset_id).values(**values))


def settle_newest(uow: db.UnitOfWork, asset_id: int) -> None:
    """Find again which version is the latest, after one was archived, restored or removed. `newest_id` only grows."""
    newest = sa.select(versions.c.id, versions.c.version).where(
        (versions.c.asset_id == asset_id) & ~versions.c.archived
    )
    row = uow.connection.execute(newest.order_by(versions.c.id.desc()).limit(1)).first()
    found = {"latest_id": row.id, "latest_version": row.version} if row else {}
    set_asset(uow, asset_id, {"latest_id": None, "latest_version": None, **found})


def insert_version(uow: db.UnitOfWork, row: dict[str, Any], terms: Iterable[int]) -> None:
    uow.later(_INSERT_VERSION, row)
    add_terms(uow, row["id"], terms)


def add_terms(uow: db.UnitOfWork, version_id: int, terms: Iterable[int]) -> None:
    for each in set(terms):
        uow.later(_INSERT_TAGS, {"term": each, "version_id": version_id})


def drop_terms(uow: db.UnitOfWork, version_id: int, terms: Iterable[int]) -> None:
    for each in set(terms):
        uow.connection.execute(tags.delete().where((tags.c.term == each) & (tags.c.version_id == version_id)))


def version(uow: db.UnitOfWork, asset_id: int, text: str) -> sa.Row[Any] | None:
    query = READ.where((versions.c.asset_id == asset_id) & (versions.c.version == text))
    return uow.connection.execute(query).first()


OF_NAME: sa.Select[Any] = READ.where(
    (assets.c.workspace == sa.bindparam("in_workspace"))
    & (assets.c.kind == sa.bindparam("of_kind"))
    & (assets.c.name == sa.bindparam("of_name"))
)
_BY_NUMBER = db.Prepared(OF_NAME.where(versions.c.version == sa.bindparam("number")))
_LATEST = db.Prepared(OF_NAME.where(versions.c.id == assets.c.latest_id))


def version_by_name(uow: db.UnitOfWork, workspace: str, kind: str, name: str, text: str) -> Any:
    at = {"in_workspace": workspace, "of_kind": kind, "of_name": name}
    return next(iter(_BY_NUMBER.run(uow.connection, {**at, "number": text})), None)


def latest_version(uow: db.UnitOfWork, workspace: str, kind: str, name: str) -> Any:
    at = {"in_workspace": workspace, "of_kind": kind, "of_name": name}
    return next(iter(_LATEST.run(uow.connection, at)), None)


def lock_version(uow: db.UnitOfWork, version_id: int, *, for_use: bool) -> bool:
    """Hold a version against removal (`for_use`), or against everybody who would begin to use it."""
    query = sa.select(versions.c.id).where(versions.c.id == version_id)
    query = query.with_for_update(read=for_use, key_share=for_use)
    return uow.connection.execute(query).first() is not None


def update_version(uow: db.UnitOfWork, version_id: int, values: dict[str, Any]) -> None:
    change = versions.update().where(versions.c.id == version_id)
    uow.connection.execute(change.values(revision=versions.c.revision + 1, **values))


def lock_text(uow: db.UnitOfWork, version_id: int) -> str | None:
    """The stored lock of an environment version."""
    query = sa.select(versions.c.lock).where(versions.c.id == version_id)
    found: str | None = uow.connection.execute(query).scalar()
    return found


def set_lock(uow: db.UnitOfWork, version_id: int, lock: str, facts: dict[str, Any]) -> None:
    update_version(uow, version_id, {"lock": lock, "facts": facts})


def delete_version(uow: db.UnitOfWork, row: sa.Row[Any]) -> None:
    uow.connection.execute(versions.delete().where(versions.c.id == row.id))


def bury(uow: db.UnitOfWork, row: sa.Row[Any]) -> None:
    """Remember the number of a version that was removed, so that nobody gets it again."""
    uow.connection.execute(graves.insert().values(asset_id=row.asset_id, version=row.version))


def was_deleted(uow: db.UnitOfWork, asset_id: int, text: str) -> bool:
    query = sa.select(graves).where((graves.c.asset_id == asset_id) & (graves.c.version == text))
    return uow.connection.execute(query).first() is not None


def all_versions(uow: db.UnitOfWork, asset_id: int) -> list[sa.Row[Any]]:
    query = READ.where(versions.c.asset_id == asset_id).order_by(versions.c.id)
    return list(uow.connection.execute(query))
