"""Table of locks: one for each thing that was locked, kept as the lock's own canonical JSON."""

import datetime as dt

import sqlalchemy as sa

from zaffre.server import db

locks = sa.Table(
    "environment_locks",
    db.metadata,
    sa.Column("workspace", sa.String(64), primary_key=True),
    sa.Column("subject", sa.String(400), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("created_at", db.Moment, nullable=False),
    sa.Index("ix_environment_locks_digest", "digest"),
)


def insert(
    uow: db.UnitOfWork, workspace: str, subject: str, *, digest: str, content: str, now: dt.datetime
) -> bool:
    """Keep a lock; false when the subject has one already."""
    row = {
        "workspace": workspace,
        "subject": subject,
        "digest": digest,
        "content": content,
        "created_at": now,
    }
    try:
        with uow.connection.begin_nested():
            uow.connection.execute(locks.insert().values(**row))
    except sa.exc.IntegrityError:
        return False
    return True


def content(uow: db.UnitOfWork, workspace: str, subject: str) -> str | None:
    mine = (locks.c.workspace == workspace) & (locks.c.subject == subject)
    found: str | None = uow.connection.execute(sa.select(locks.c.content).where(mine)).scalar()
    return found


def digests(uow: db.UnitOfWork, *, under: str, but: str) -> set[str]:
    """The digests of locks of every workspace whose subject begins with the one text and not with the other."""
    subject = locks.c.subject
    wanted = subject.startswith(under, autoescape=True) & ~subject.startswith(but, autoescape=True)
    return set(uow.connection.execute(sa.select(locks.c.digest).where(wanted).distinct()).scalars())


def unregistered(
    uow: db.UnitOfWork, under: str, before: dt.datetime, *, lock: bool
) -> list[sa.Row[tuple[str, str, str]]]:
    """Workspace, subject and digest of the locks that came before that moment and whose subject begins so; `lock` holds them."""
    wanted = locks.c.subject.startswith(under, autoescape=True) & (locks.c.created_at < before)
    query = sa.select(locks.c.workspace, locks.c.subject, locks.c.digest).where(wanted)
    query = query.order_by(locks.c.workspace, locks.c.subject)
    return list(uow.connection.execute(query.with_for_update() if lock else query))


def drop(uow: db.UnitOfWork, workspace: str, subject: str) -> None:
    mine = (locks.c.workspace == workspace) & (locks.c.subject == subject)
    uow.connection.execute(locks.delete().where(mine))
