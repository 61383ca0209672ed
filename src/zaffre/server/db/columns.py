"""The one MetaData and the column types that mean the same on SQLite and PostgreSQL."""

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from zaffre.core import clock

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Json: sa.types.TypeEngine[Any] = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(), "postgresql")
"""Any JSON value; text on SQLite, JSONB on PostgreSQL."""


class Moment(sa.types.TypeDecorator[dt.datetime]):
    """A moment in UTC, kept as text of one length: it sorts as time and reads the same in both databases."""

    impl = sa.String(27)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> str | None:
        return None if value is None else clock.isoformat(value)

    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> dt.datetime | None:
        return None if value is None else clock.parse(value)
