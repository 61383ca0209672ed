"""Keeps servers on one database from sealing with different keys. Called by the composition root before anything starts."""

import socket

from zaffre.core import errors
from zaffre.server import db
from zaffre.server.secrets import box as boxes
from zaffre.server.secrets import store

_NAME = "secrets.key"


def demand_same_key(uow: db.UnitOfWork, box: boxes.Box) -> None:
    """The first server's key becomes the database's. Raises Conflict when this server has another one."""
    mine = f"{socket.gethostname()}:{box.file}"
    fingerprint, kept_at = store.remember(uow, _NAME, fingerprint=box.fingerprint, kept_at=mine)
    if fingerprint != box.fingerprint:
        raise errors.Conflict(
            f"The secrets in this database are sealed with another key than the one in {box.file}.",
            hint=f"Copy the key file of the server that uses this database already ({kept_at}) to {box.file},"
            " with mode 0600; then start again.",
        )
