"""Table of the secrets room: which key this database's values are sealed with. The key itself is never here."""

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from zaffre.server import db

sealing_keys = sa.Table(
    "sealing_keys",
    db.metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("kept_at", sa.Text, nullable=False),
)


def remember(uow: db.UnitOfWork, name: str, *, fingerprint: str, kept_at: str) -> tuple[str, str]:
    """Fingerprint and place of the key that came first, which may be this one."""
    kind = postgresql if uow.connection.dialect.name == "postgresql" else sqlite
    row = {"name": name, "fingerprint": fingerprint, "kept_at": kept_at}
    uow.connection.execute(kind.insert(sealing_keys).values(**row).on_conflict_do_nothing())
    query = sa.select(sealing_keys.c.fingerprint, sealing_keys.c.kept_at).where(sealing_keys.c.name == name)
    found = uow.connection.execute(query).one()
    return found.fingerprint, found.kept_at
