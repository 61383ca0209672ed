"""What Alembic runs: the migrations, on the connection that was handed in."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from zaffre.server.db import columns


def _render(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Our column types by our names, so that a migration reads as the tables do."""
    if kind == "type" and isinstance(item, columns.Moment):
        return "db.Moment()"
    if kind == "type" and isinstance(item, sa.JSON):
        return "db.Json"
    return False


configuration = context.config
connection = configuration.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=configuration.attributes["metadata"],
    render_as_batch=connection.dialect.name == "sqlite",
    render_item=_render,
)
with context.begin_transaction():
    context.run_migrations()
