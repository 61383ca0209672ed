"""Append facts and relay them. Knows no subscriber: who listens is handed in by the composition root.

Delivery is at least once and in the order of writing; a subscriber that fails is tried again by itself, with
growing pauses, while the others go on.
"""

import datetime as dt
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from zaffre.contracts import envelopes
from zaffre.contracts import events as catalogue
from zaffre.core import clock
from zaffre.server import db
from zaffre.server.events import store

log = logging.getLogger(__name__)

TOPIC = "events"
"""What a relay listens to on the database."""

Subscriber = Callable[[db.UnitOfWork, Sequence[envelopes.Envelope]], None]
"""Is told of events in the order of writing, many at once under load; it must bear being told twice."""


class Actor(Protocol):
    """Who caused an event; a caller of `access` is one."""

    @property
    def name(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def request_id(self) -> str: ...


def _new_id() -> str:
    """It begins with the time, so that new rows come together at the end of every index, which spares pages."""
    return f"{time.time_ns() // 1000:014x}{secrets.token_hex(9)}"


def append(uow: db.UnitOfWork, actor: Actor, event: catalogue.Event, *, workspace: str, subject: str) -> None:
    """Write a fact in the caller's transaction; it is told to subscribers after the commit."""
    store.insert(
        uow,
        {
            "id": _new_id(),
            "time": clock.now(),
            "type": event.type_name(),
            "workspace": workspace,
            "subject": subject,
            "actor": actor.name,
            "reason": actor.reason,
            "request_id": actor.request_id,
            "data": event.model_dump(mode="json"),
        },
    )
    uow.touch(TOPIC)


def relay(database: db.Database, subscribers: Mapping[str, Subscriber], *, limit: int = 200) -> int:
    """Tell subscribers of what is pending or due again; returns how many events were handled."""
    with database.write() as uow:
        rows = store.take_pending(uow, limit)
        told = [envelope(row) for row in rows]
        for name, subscriber in subscribers.items():
            _deliver_all(uow, told, name, subscriber)
        due = store.claim_retries(uow, clock.now(), limit)
        for row in due:
            if row.subscriber in subscribers:
                _deliver(
                    uow, envelope(row), row.subscriber, subscribers[row.subscriber], attempts=row.attempts
                )
    return len(rows) + len(due)


def _deliver_all(
    uow: db.UnitOfWork, told: Sequence[envelopes.Envelope], name: str, subscriber: Subscriber
) -> None:
    """Tell one subscriber of many events at once; only when that fails, of each by itself."""
    if not told:
        return
    try:
        with uow.savepoint():
            subscriber(uow, told)
    except Exception:  # noqa: BLE001 # `_deliver` finds out which event it was, and remembers it
        for each in told:
            _deliver(uow, each, name, subscriber, attempts=0)


def _deliver(
    uow: db.UnitOfWork, event: envelopes.Envelope, name: str, subscriber: Subscriber, *, attempts: int
) -> None:
    try:
        with uow.savepoint():
            subscriber(uow, [event])
    except Exception as error:  # whatever one subscriber does, the others are told
        log.exception("subscriber %s failed on event %s", name, event.id)
        pause_s = min(2.0**attempts, 300.0)
        store.save_retry(
            uow,
            {
                "event_id": event.id,
                "subscriber": name,
                "attempts": attempts + 1,
                "next_at": clock.now() + dt.timedelta(seconds=pause_s),
                "error": f"{type(error).__name__}: {error}"[:2000],
            },
        )
    else:
        if attempts:
            store.drop_retry(uow, event.id, name)


def envelope(row: Any) -> envelopes.Envelope:
    """The envelope of a stored event."""
    names = ("id", "time", "type", "workspace", "subject", "actor", "reason", "request_id", "data")
    return envelopes.Envelope(**{name: getattr(row, name) for name in names})


def next_retry(database: db.Database) -> dt.datetime | None:
    """When the relay must wake by itself."""
    with database.read() as uow:
        return store.next_retry(uow)


def backlog(uow: db.UnitOfWork) -> tuple[int, dt.datetime | None]:
    """How many events nobody was told of yet, and when the oldest of them happened."""
    return store.backlog(uow)
