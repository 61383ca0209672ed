"""Table of leases."""

import datetime as dt

import sqlalchemy as sa

from zaffre.server import db

leases = sa.Table(
    "leases",
    db.metadata,
    sa.Column("name", sa.String(128), primary_key=True),
    sa.Column("holder", sa.String(64), nullable=False),
    sa.Column("expires_at", db.Moment, nullable=False),
)


def take(uow: db.UnitOfWork, name: str, holder: str, *, now: dt.datetime, until: dt.datetime) -> bool:
    """Take or renew; false while another holder's lease lasts. One statement decides, so two servers cannot both win."""
    mine_or_over = (leases.c.holder == holder) | (leases.c.expires_at <= now)
    changed = uow.connection.execute(
        leases.update().where((leases.c.name == name) & mine_or_over).values(holder=holder, expires_at=until)
    )
    if changed.rowcount:
        return True
    if uow.connection.execute(sa.select(leases.c.name).where(leases.c.name == name)).first():
        return False
    try:
        with uow.connection.begin_nested():
            uow.connection.execute(leases.insert().values(name=name, holder=holder, expires_at=until))
    except sa.exc.IntegrityError:
        return False
    return True
