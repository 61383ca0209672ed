"""Queries of collection: which trees nobody holds, which blobs no tree needs, and their removal under lock.

A row is locked first and judged in a second statement, which on PostgreSQL sees what the previous owner of the lock
committed; on SQLite there is one writer. Used by `collection` alone.
"""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from zaffre.server import db
from zaffre.server.artifacts.store import blobs, claims, holds, tree_files, trees


def _doomed_tree(before: dt.datetime) -> sa.ColumnElement[bool]:
    return (trees.c.touched_at < before) & ~sa.exists().where(holds.c.tree_id == trees.c.id)


def _doomed_blob(before: dt.datetime) -> sa.ColumnElement[bool]:
    needed = sa.exists().where(
        (tree_files.c.digest == blobs.c.digest) & (trees.c.id == tree_files.c.tree_id) & ~_doomed_tree(before)
    )
    return (blobs.c.touched_at < before) & ~needed


def doomed_trees(uow: db.UnitOfWork, before: dt.datetime) -> list[sa.Row[Any]]:
    """Trees older than `before` that nobody holds."""
    query = sa.select(trees.c.id, trees.c.workspace, trees.c.digest).where(_doomed_tree(before))
    return list(uow.connection.execute(query.order_by(trees.c.id)))


def doomed_blobs(uow: db.UnitOfWork, before: dt.datetime) -> list[sa.Row[Any]]:
    """Blobs older than `before` that no lasting tree needs."""
    query = sa.select(blobs.c.digest, blobs.c.size).where(_doomed_blob(before))
    return list(uow.connection.execute(query.order_by(blobs.c.digest)))


def drop_tree(uow: db.UnitOfWork, tree_id: int, before: dt.datetime) -> bool:
    """Remove the tree if it is still doomed once it is ours."""
    uow.connection.execute(sa.select(trees.c.id).where(trees.c.id == tree_id).with_for_update())
    gone = uow.connection.execute(trees.delete().where((trees.c.id == tree_id) & _doomed_tree(before)))
    if gone.rowcount:
        uow.connection.execute(tree_files.delete().where(tree_files.c.tree_id == tree_id))
    return bool(gone.rowcount)


def drop_blob(uow: db.UnitOfWork, digest: str, before: dt.datetime) -> bool:
    """Remove the blob's rows if it is still doomed once it is ours; its bytes must go before the commit."""
    uow.connection.execute(sa.select(blobs.c.digest).where(blobs.c.digest == digest).with_for_update())
    gone = uow.connection.execute(blobs.delete().where((blobs.c.digest == digest) & _doomed_blob(before)))
    if gone.rowcount:
        uow.connection.execute(claims.delete().where(claims.c.digest == digest))
    return bool(gone.rowcount)
