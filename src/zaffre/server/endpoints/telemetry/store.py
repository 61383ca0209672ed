"""Tables of telemetry: slices of time by deployment, where counters stood at the last look, and which alerts fire."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from zaffre.server import db

slices = sa.Table(
    "telemetry_slices",
    db.metadata,
    sa.Column("workspace", sa.String(64), primary_key=True),
    sa.Column("endpoint", sa.String(64), primary_key=True),
    sa.Column("deployment", sa.String(64), primary_key=True),
    sa.Column("at_ms", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("added", db.Json, nullable=False),
    sa.Column("peaks", db.Json, nullable=False),
    sa.Index("ix_telemetry_slices_at_ms", "at_ms"),
)
"""`at_ms` is the end of the slice, in milliseconds since 1970."""

marks = sa.Table(
    "telemetry_marks",
    db.metadata,
    sa.Column("source", sa.String(64), primary_key=True),
    sa.Column("epoch", sa.String(64), nullable=False),
    sa.Column("counts", db.Json, nullable=False),
)

alerts = sa.Table(
    "telemetry_alerts",
    db.metadata,
    sa.Column("workspace", sa.String(64), primary_key=True),
    sa.Column("endpoint", sa.String(64), primary_key=True),
    sa.Column("deployment", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("since", db.Moment, nullable=False),
    sa.Column("value", sa.Float),
)
"""The alerts that fire now; `deployment` is empty for rules of an endpoint."""

Key = tuple[str, str, str]
AlertKey = tuple[str, str, str, str]


def insert_slices(uow: db.UnitOfWork, rows: list[dict[str, Any]]) -> None:
    if rows:
        uow.connection.execute(slices.insert(), rows)


def list_slices(
    uow: db.UnitOfWork, workspace: str, endpoint: str, deployment: str | None, *, after_ms: int
) -> list[sa.Row[Any]]:
    query = sa.select(slices).where(
        (slices.c.workspace == workspace) & (slices.c.endpoint == endpoint) & (slices.c.at_ms > after_ms)
    )
    if deployment is not None:
        query = query.where(slices.c.deployment == deployment)
    return list(uow.connection.execute(query.order_by(slices.c.at_ms)))


def keys(uow: db.UnitOfWork) -> set[Key]:
    """The deployments that have slices."""
    query = sa.select(slices.c.workspace, slices.c.endpoint, slices.c.deployment).distinct()
    return {(row.workspace, row.endpoint, row.deployment) for row in uow.connection.execute(query)}


def drop_outside(uow: db.UnitOfWork, *, from_ms: int, to_ms: int) -> None:
    """Forget what is too old, and what a clock that ran ahead has dated into the future."""
    uow.connection.execute(slices.delete().where((slices.c.at_ms < from_ms) | (slices.c.at_ms > to_ms)))


def drop_slices(uow: db.UnitOfWork, key: Key) -> None:
    workspace, endpoint, deployment = key
    mine = (slices.c.workspace == workspace) & (slices.c.endpoint == endpoint)
    uow.connection.execute(slices.delete().where(mine & (slices.c.deployment == deployment)))


def list_marks(uow: db.UnitOfWork) -> list[sa.Row[Any]]:
    return list(uow.connection.execute(sa.select(marks)))


def replace_marks(uow: db.UnitOfWork, gone: Iterable[str], now: Mapping[str, tuple[str, Any]]) -> None:
    """Write where sources stand now; `gone` ones are forgotten."""
    doomed = [*gone, *now]
    if doomed:
        uow.connection.execute(marks.delete().where(marks.c.source.in_(doomed)))
    rows = [{"source": name, "epoch": epoch, "counts": counts} for name, (epoch, counts) in now.items()]
    if rows:
        uow.connection.execute(marks.insert(), rows)


def list_alerts(
    uow: db.UnitOfWork, workspace: str | None = None, endpoint: str | None = None
) -> list[sa.Row[Any]]:
    query = sa.select(alerts).order_by(alerts.c.since)
    if workspace is not None:
        query = query.where((alerts.c.workspace == workspace) & (alerts.c.endpoint == endpoint))
    return list(uow.connection.execute(query))


def insert_alert(uow: db.UnitOfWork, key: AlertKey, values: dict[str, Any]) -> None:
    names = dict(zip(("workspace", "endpoint", "deployment", "name"), key, strict=True))
    uow.connection.execute(alerts.insert().values(**names, **values))


def drop_alert(uow: db.UnitOfWork, key: AlertKey) -> None:
    workspace, endpoint, deployment, name = key
    mine = (alerts.c.workspace == workspace) & (alerts.c.endpoint == endpoint)
    uow.connection.execute(
        alerts.delete().where(mine & (alerts.c.deployment == deployment) & (alerts.c.name == name))
    )
