"""Table of the audit trail."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from zaffre.server import db

audit = sa.Table(
    "audit",
    db.metadata,
    sa.Column("event_id", sa.String(32), primary_key=True),
    sa.Column("time", db.Moment, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("action", sa.String(64), nullable=False),
    sa.Column("workspace", sa.String(64), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("request_id", sa.String(128), nullable=False),
    sa.Column("data", db.Json, nullable=False),
    sa.Index("ix_audit_workspace_time", "workspace", "time", "event_id"),
    sa.Index("ix_audit_subject_time", "workspace", "subject", "time"),
)


_INSERT = db.Insert(audit, known_stay=True)


def insert(uow: db.UnitOfWork, rows: list[dict[str, Any]]) -> None:
    """Write lines; one that is there already (the event was told twice) stays."""
    _INSERT.run(uow.connection, rows)


def search(
    uow: db.UnitOfWork,
    wanted: dict[str, str],
    *,
    since: dt.datetime | None,
    before: tuple[dt.datetime, str] | None,
    limit: int,
) -> list[sa.Row[Any]]:
    """Newest first; `wanted` are exact values of columns, `before` is where the last page ended."""
    query = sa.select(audit).order_by(audit.c.time.desc(), audit.c.event_id.desc()).limit(limit)
    for column, value in wanted.items():
        query = query.where(audit.c[column] == value)
    if since:
        query = query.where(audit.c.time >= since)
    if before:
        time, event_id = before
        query = query.where((audit.c.time < time) | ((audit.c.time == time) & (audit.c.event_id < event_id)))
    return list(uow.connection.execute(query))
