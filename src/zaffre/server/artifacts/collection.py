"""Collection: what nobody refers to any more gives its space back. Called by the face of `zaffre server gc`.

A dry run and a real run judge by the same queries. Whatever an upload or a registration touched within the grace
period stays, and each removal is judged again under the row's lock: nothing that was promised to a client vanishes.
"""

import contextlib
import dataclasses
import datetime as dt
import fcntl
import os
import time
from pathlib import Path

from zaffre.core import clock, errors
from zaffre.server import db
from zaffre.server.access import callers
from zaffre.server.artifacts import garbage, service, uploads

GRACE_S = 3600.0


@dataclasses.dataclass(frozen=True)
class Report:
    """What went, or in a dry run would go."""

    dry_run: bool
    trees: list[str]
    blobs: list[str]
    partial_uploads: list[str]
    bytes: int


def collect(
    database: db.Database,
    caller: callers.Caller,
    room: service.Room,
    *,
    grace_s: float = GRACE_S,
    dry_run: bool = False,
) -> Report:
    """Remove trees that nobody holds, blobs that no tree needs, and uploads that nobody went on with."""
    callers.require(caller, "server/admin", "server")
    if grace_s < 0:
        raise errors.Invalid("grace_s must not be negative.")
    before = clock.now() - dt.timedelta(seconds=grace_s)
    partials = _stale_uploads(room.incoming, time.time() - grace_s)
    with database.read() as uow:
        doomed_trees = garbage.doomed_trees(uow, before)
        doomed_blobs = garbage.doomed_blobs(uow, before)
    if not dry_run:
        doomed_trees = [row for row in doomed_trees if _drop_tree(database, row.id, before)]
        doomed_blobs = [row for row in doomed_blobs if _drop_blob(database, room, row.digest, before)]
        partials = {file: size for file, size in partials.items() if _drop_upload(file)}
    return Report(
        dry_run=dry_run,
        trees=sorted(row.digest for row in doomed_trees),
        blobs=[row.digest for row in doomed_blobs],
        partial_uploads=sorted(file.name.partition(".")[0] for file in partials),
        bytes=sum(row.size for row in doomed_blobs) + sum(partials.values()),
    )


def _drop_tree(database: db.Database, tree_id: int, before: dt.datetime) -> bool:
    with database.write() as uow:
        return garbage.drop_tree(uow, tree_id, before)


def _drop_blob(database: db.Database, room: service.Room, digest: str, before: dt.datetime) -> bool:
    # The bytes go while the row is still locked: an upload of the same digest waits and then stores them anew.
    with database.write() as uow:
        gone = garbage.drop_blob(uow, digest, before)
        if gone:
            room.store.remove(digest)
        return gone


def _stale_uploads(incoming: uploads.Incoming, before: float) -> dict[Path, int]:
    found: dict[Path, int] = {}
    if incoming.folder.is_dir():
        for file in incoming.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                status = file.stat()
                if status.st_mtime < before:
                    found[file] = status.st_size
    return found


def _drop_upload(file: Path) -> bool:
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:  # somebody goes on with it right now
        return False
    else:
        file.unlink(missing_ok=True)
        return True
    finally:
        os.close(descriptor)
