"""Runs the reconciler of online endpoints: when something was asked for, and every second anyway."""

import secrets
import time

from zaffre.server import db
from zaffre.server.endpoints.online import preparing, reconcile
from zaffre.server.endpoints.online import room as rooms
from zaffre.server.leases import service as leases
from zaffre.server.workers import loop

LEASE = "online-endpoints"
_LIFETIME_S = 15.0
_RENEWED_S = 5.0
WAIT_S = 2.0


def build(
    database: db.Database, reconciler: reconcile.Reconciler, preparations: preparing.Preparations
) -> loop.Loop:
    """The loop of one server. Of several servers on one database, the one that holds the lease reconciles."""
    turn = Turn(database, LEASE)

    def step() -> float:
        return reconciler.step() if turn.is_mine() else WAIT_S

    worker = loop.Loop("online-endpoints", step)
    database.listen(rooms.TOPIC, worker.wake)
    preparations.when_done = worker.wake
    return worker


class Turn:
    """Whether this server is the one. SQLite has one server only, which need not ask."""

    def __init__(self, database: db.Database, lease: str) -> None:
        self._database = database
        self._lease = lease
        self._holder = secrets.token_hex(8)
        self._taken_at = -_LIFETIME_S

    def is_mine(self) -> bool:
        if self._database.is_sqlite or time.monotonic() - self._taken_at < _RENEWED_S:
            return True
        with self._database.write() as uow:
            mine = leases.take(uow, self._lease, self._holder, lifetime_s=_LIFETIME_S)
        self._taken_at = time.monotonic() if mine else -_LIFETIME_S
        return mine
