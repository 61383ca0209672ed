"""Tables of the outbox."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from zaffre.server import db

events = sa.Table(
    "events",
    db.metadata,
    sa.Column(
        "seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
    sa.Column("id", sa.String(32), nullable=False, unique=True),
    sa.Column("time", db.Moment, nullable=False),
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("workspace", sa.String(64), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("request_id", sa.String(128), nullable=False),
    sa.Column("data", db.Json, nullable=False),
    sa.Column("pending", sa.Boolean, nullable=False),
    sa.Index(
        "ix_events_pending", "seq", sqlite_where=sa.text("pending"), postgresql_where=sa.text("pending")
    ),
)
retries = sa.Table(
    "event_retries",
    db.metadata,
    sa.Column("event_id", sa.String(32), primary_key=True),
    sa.Column("subscriber", sa.String(64), primary_key=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", db.Moment, nullable=False, index=True),
    sa.Column("error", sa.Text, nullable=False),
)


_INSERT = db.Insert(events)


def insert(uow: db.UnitOfWork, row: dict[str, Any]) -> None:
    uow.later(_INSERT, {**row, "pending": True})


# As the index of pending events says it: SQLite takes the index for no other words, such as "pending = 1".
_PENDING = sa.text("events.pending")


def _taking(dialect: str) -> Any:
    oldest = sa.select(events.c.seq).where(_PENDING).order_by(events.c.seq).limit(sa.bindparam("most"))
    if dialect == "sqlite":
        wanted: sa.ColumnElement[bool] = events.c.seq.in_(oldest)
    else:  # an array: its question is asked once, whatever the plan
        free = oldest.with_for_update(skip_locked=True)
        wanted = events.c.seq == sa.any_(sa.func.array(free.scalar_subquery()))
    return events.update().where(wanted).values(pending=sa.false()).returning(*events.c)


_TAKE = db.Prepared(_taking)


def take_pending(uow: db.UnitOfWork, limit: int) -> list[Any]:
    """The oldest events that nobody was told of yet, in the order of writing. From here on they count as told; other
    relays skip them while this transaction is open."""
    return sorted(_TAKE.run(uow.connection, {"most": limit}), key=lambda row: row.seq)


def claim_retries(uow: db.UnitOfWork, now: dt.datetime, limit: int) -> list[sa.Row[Any]]:
    """Deliveries that failed before and are due again, with their event."""
    query = (
        sa.select(events, retries.c.subscriber, retries.c.attempts)
        .join(retries, retries.c.event_id == events.c.id)
        .where(retries.c.next_at <= now)
        .order_by(retries.c.next_at)
        .limit(limit)
    )
    return list(uow.connection.execute(query.with_for_update(skip_locked=True, of=retries)))


def save_retry(uow: db.UnitOfWork, row: dict[str, Any]) -> None:
    drop_retry(uow, row["event_id"], row["subscriber"])
    uow.connection.execute(retries.insert().values(**row))


def drop_retry(uow: db.UnitOfWork, event_id: str, subscriber: str) -> None:
    mine = (retries.c.event_id == event_id) & (retries.c.subscriber == subscriber)
    uow.connection.execute(retries.delete().where(mine))


def next_retry(uow: db.UnitOfWork) -> dt.datetime | None:
    """When the next failed delivery is due, if any waits."""
    return uow.connection.execute(sa.select(sa.func.min(retries.c.next_at))).scalar()


def backlog(uow: db.UnitOfWork) -> tuple[int, dt.datetime | None]:
    query = sa.select(sa.func.count(), sa.func.min(events.c.time)).select_from(events).where(_PENDING)
    count, oldest = uow.connection.execute(query).one()
    return count, oldest
