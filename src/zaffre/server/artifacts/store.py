"""Tables of the artifacts room: blobs, who brought them, trees, their files, and who holds a tree.

A tree belongs to one workspace; its `id` is ours, its `digest` the world's. Rows are locked in the order tree, blob.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from zaffre.server import db

_Path = sa.String(1024).with_variant(sa.String(1024, collation="C"), "postgresql")
_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")

blobs = sa.Table(
    "blobs",
    db.metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("stored", sa.Boolean, nullable=False),
    sa.Column("touched_at", db.Moment, nullable=False, index=True),
    sa.Column("sample", sa.String(64)),
    sa.Index(
        "ix_blobs_sample",
        "sample",
        sqlite_where=sa.text("sample IS NOT NULL"),
        postgresql_where=sa.text("sample IS NOT NULL"),
    ),
)
claims = sa.Table(
    "blob_claims",
    db.metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("owner", sa.String(255), primary_key=True),
)
trees = sa.Table(
    "trees",
    db.metadata,
    sa.Column("id", _Id, primary_key=True, autoincrement=True),
    sa.Column("workspace", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("created_at", db.Moment, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("touched_at", db.Moment, nullable=False, index=True),
    sa.UniqueConstraint("workspace", "digest"),
)
tree_files = sa.Table(
    "tree_files",
    db.metadata,
    sa.Column("tree_id", _Id, primary_key=True),
    sa.Column("path", _Path, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Index("ix_tree_files_blob", "digest", "tree_id"),
)
holds = sa.Table(
    "tree_holds",
    db.metadata,
    sa.Column("tree_id", _Id, primary_key=True),
    sa.Column("holder", sa.String(600), primary_key=True),
    sa.Index("ix_tree_holds_holder", "holder"),
)


def upsert(uow: db.UnitOfWork, table: sa.Table) -> Any:
    """INSERT with ON CONFLICT, which both databases speak in the same words."""
    kind = postgresql if uow.connection.dialect.name == "postgresql" else sqlite
    return kind.insert(table)


def announce_blob(uow: db.UnitOfWork, digest: str, now: dt.datetime) -> None:
    """A row for a blob that is on its way, touched, so that collection leaves it."""
    insert = upsert(uow, blobs).values(digest=digest, size=0, stored=False, touched_at=now)
    uow.connection.execute(
        insert.on_conflict_do_update(index_elements=[blobs.c.digest], set_={"touched_at": now})
    )


def mark_stored(uow: db.UnitOfWork, digest: str, *, facts: dict[str, Any], owner: str) -> bool:
    """The bytes are in the store; false when collection took the announcement away meanwhile."""
    changed = uow.connection.execute(
        blobs.update().where(blobs.c.digest == digest).values(stored=True, **facts)
    )
    claim = upsert(uow, claims).values(digest=digest, owner=owner)
    uow.connection.execute(claim.on_conflict_do_nothing())
    return bool(changed.rowcount)


def visible_blobs(
    uow: db.UnitOfWork, digests: Sequence[str], *, owner: str, workspaces: Iterable[str] | None
) -> dict[str, int]:
    """Stored blobs and their sizes that the caller brought or can reach in a tree (None: in any workspace)."""
    query = sa.select(blobs.c.digest, blobs.c.size).where(
        blobs.c.digest.in_(digests) & _visible(owner, workspaces)
    )
    return {row.digest: row.size for row in uow.connection.execute(query)}


def visible_samples(
    uow: db.UnitOfWork, samples: Sequence[str], *, owner: str, workspaces: Iterable[str] | None
) -> set[str]:
    """Which of these samples a blob has that is visible in the same way."""
    query = sa.select(blobs.c.sample).where(blobs.c.sample.in_(samples) & _visible(owner, workspaces))
    return set(uow.connection.execute(query).scalars())


def _visible(owner: str, workspaces: Iterable[str] | None) -> sa.ColumnElement[bool]:
    claimed = sa.exists().where((claims.c.digest == blobs.c.digest) & (claims.c.owner == owner))
    in_tree = sa.exists().where(
        (tree_files.c.digest == blobs.c.digest) & (trees.c.id == tree_files.c.tree_id)
    )
    if workspaces is not None:
        in_tree = in_tree.where(trees.c.workspace.in_(list(workspaces)))
    return blobs.c.stored & (claimed | in_tree)


def touch_blobs(uow: db.UnitOfWork, digests: Sequence[str], now: dt.datetime) -> int:
    """Keep these blobs from collection for a while; returns how many are there. Locks them, in one order."""
    rows = (
        sa.select(blobs.c.digest)
        .where(blobs.c.digest.in_(digests))
        .order_by(blobs.c.digest)
        .with_for_update()
    )
    there = list(uow.connection.execute(rows).scalars())
    uow.connection.execute(blobs.update().where(blobs.c.digest.in_(there)).values(touched_at=now))
    return len(there)


def insert_tree(uow: db.UnitOfWork, row: dict[str, Any]) -> int:
    """The id of the tree, old or new, with its row locked and touched."""
    insert = upsert(uow, trees).values(**row)
    statement = insert.on_conflict_do_update(
        index_elements=[trees.c.workspace, trees.c.digest], set_={"touched_at": row["touched_at"]}
    ).returning(trees.c.id)
    return int(uow.connection.execute(statement).scalar_one())


def insert_files(uow: db.UnitOfWork, tree_id: int, rows: list[dict[str, Any]]) -> None:
    there = sa.select(tree_files.c.path).where(tree_files.c.tree_id == tree_id).limit(1)
    if rows and uow.connection.execute(there).first() is None:
        uow.connection.execute(tree_files.insert(), [{"tree_id": tree_id, **row} for row in rows])


def tree(uow: db.UnitOfWork, workspace: str, digest: str) -> sa.Row[Any] | None:
    """The tree's row; collection waits for this transaction once it was read here."""
    query = sa.select(trees).where((trees.c.workspace == workspace) & (trees.c.digest == digest))
    return uow.connection.execute(query).first()


class FileAt(NamedTuple):
    """A file of a tree, with the tree's id."""

    id: int
    path: str
    size: int
    digest: str


_FILES_AT = (
    sa.select(trees.c.id, tree_files.c.path, tree_files.c.size, tree_files.c.digest)
    .join(tree_files, tree_files.c.tree_id == trees.c.id)
    .where((trees.c.workspace == sa.bindparam("workspace")) & (trees.c.digest == sa.bindparam("tree")))
    .order_by(tree_files.c.path)
    .with_for_update(read=True, key_share=True, of=trees)
)
_FILES_BELOW = _FILES_AT.where(
    (tree_files.c.path == sa.bindparam("below"))
    # '0' follows '/' in byte order, which these columns sort by: the range is exactly the folder.
    | ((tree_files.c.path > sa.bindparam("first")) & (tree_files.c.path < sa.bindparam("last")))
)


_ALL_FILES, _SOME_FILES = db.Prepared(_FILES_AT), db.Prepared(_FILES_BELOW)


def lock_files(uow: db.UnitOfWork, workspace: str, digest: str, below: str) -> list[FileAt]:
    """A tree's files, all or the one file or folder `below`, with the tree safe from collection until the end."""
    at = {"workspace": workspace, "tree": digest}
    if below:
        bounds = {"below": below, "first": below + "/", "last": below + "0"}
        return [FileAt(*row) for row in _SOME_FILES.run(uow.ahead, {**at, **bounds})]
    return [FileAt(*row) for row in _ALL_FILES.run(uow.ahead, at)]


def files(uow: db.UnitOfWork, tree_id: int) -> list[sa.Row[Any]]:
    """All files of a tree, by name."""
    query = sa.select(tree_files).where(tree_files.c.tree_id == tree_id).order_by(tree_files.c.path)
    return list(uow.connection.execute(query))


_HOLD = db.Insert(holds, known_stay=True)


def hold(uow: db.UnitOfWork, tree_id: int, holder: str) -> None:
    uow.later(_HOLD, {"tree_id": tree_id, "holder": holder})


def release(uow: db.UnitOfWork, workspace: str, holder: str) -> None:
    mine = sa.select(trees.c.id).where(trees.c.workspace == workspace).scalar_subquery()
    uow.connection.execute(holds.delete().where((holds.c.holder == holder) & holds.c.tree_id.in_(mine)))
