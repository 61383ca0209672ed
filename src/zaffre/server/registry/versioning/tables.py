"""The tables of versioning. `store` does their single-row work, `searching` asks them for many, `pointers` knows what points
at versions.

A version's `id` is the microsecond of its making with ten random bits below, so that ids sort by time everywhere and
no sequence has to be asked. An asset's row is the lock and the counter of its name: whoever registers holds it.
"""

import sqlalchemy as sa

from zaffre.server import db

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_Name = sa.String(255).with_variant(sa.String(255, collation="C"), "postgresql")

assets = sa.Table(
    "assets",
    db.metadata,
    sa.Column("id", ID, primary_key=True, autoincrement=True),
    sa.Column("workspace", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("name", _Name, nullable=False),
    sa.Column("counter", sa.BigInteger, nullable=False),
    sa.Column("archived", sa.Boolean, nullable=False),
    sa.Column("newest_id", sa.BigInteger, nullable=False),
    sa.Column("latest_id", sa.BigInteger),
    sa.Column("latest_version", sa.String(255)),
    sa.UniqueConstraint("workspace", "kind", "name"),
    sa.Index("ix_assets_latest", "workspace", "kind", "latest_id"),
)
versions = sa.Table(
    "asset_versions",
    db.metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("asset_id", sa.BigInteger, nullable=False),
    sa.Column("workspace", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("version", sa.String(255), nullable=False),
    sa.Column("content", sa.String(64), nullable=False),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("stage", sa.Text),
    sa.Column("description", sa.Text),
    sa.Column("tags", db.Json, nullable=False),
    sa.Column("properties", db.Json, nullable=False),
    sa.Column("body", db.Json, nullable=False),
    sa.Column("facts", db.Json, nullable=False),
    sa.Column("lock", sa.Text),
    sa.Column("archived", sa.Boolean, nullable=False),
    sa.Column("created_at", db.Moment, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("modified_at", db.Moment, nullable=False),
    sa.Column("modified_by", sa.Text, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.UniqueConstraint("asset_id", "version"),
    sa.Index("ix_asset_versions_newest", "asset_id", "id"),
    sa.Index("ix_asset_versions_kind", "workspace", "kind", "id"),
)
tags = sa.Table(
    "asset_tags",
    db.metadata,
    sa.Column("term", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)
graves = sa.Table(
    "asset_graves",
    db.metadata,
    sa.Column("asset_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.String(255), primary_key=True),
)
aliases = sa.Table(
    "asset_aliases",
    db.metadata,
    sa.Column("asset_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("alias", sa.String(255), primary_key=True),
    sa.Column("version_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("version", sa.String(255), nullable=False),
)
alias_moves = sa.Table(
    "asset_alias_moves",
    db.metadata,
    sa.Column("id", ID, primary_key=True, autoincrement=True),
    sa.Column("asset_id", sa.BigInteger, nullable=False),
    sa.Column("alias", sa.String(255), nullable=False),
    sa.Column("version", sa.String(255)),
    sa.Column("previous", sa.String(255)),
    sa.Column("time", db.Moment, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Index("ix_asset_alias_moves_alias", "asset_id", "alias", "id"),
)
uses = sa.Table(
    "asset_uses",
    db.metadata,
    sa.Column("version_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("user", sa.String(255), primary_key=True),
    sa.Column("workspace", sa.String(64), nullable=False),
    sa.Index("ix_asset_uses_user", "workspace", "user"),
)
