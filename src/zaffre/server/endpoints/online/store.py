"""Tables of endpoints, deployments and revisions."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from zaffre.server import db

endpoints = sa.Table(
    "online_endpoints",
    db.metadata,
    sa.Column("workspace", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("etag", sa.String(32), nullable=False),
    sa.Column("body", db.Json, nullable=False),
    sa.Column("running", db.Json, nullable=False),
    sa.Column("sealed_keys", db.Json, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("operation", sa.String(32)),
    sa.Column("created_at", db.Moment, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("modified_at", db.Moment, nullable=False),
    sa.Column("modified_by", sa.Text, nullable=False),
)
"""`body` is what was asked for; `running` the traffic and mirror that the router has taken."""

deployments = sa.Table(
    "online_deployments",
    db.metadata,
    sa.Column("workspace", sa.String(64), primary_key=True),
    sa.Column("endpoint", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("etag", sa.String(32), nullable=False),
    sa.Column("body", db.Json, nullable=False),
    sa.Column("wanted", sa.String(16), nullable=False),
    sa.Column("serving", sa.String(16)),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("service_state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("last_lines", db.Json, nullable=False),
    sa.Column("instances_ready", sa.Integer, nullable=False),
    sa.Column("all_traffic", sa.Boolean, nullable=False),
    sa.Column("scale", db.Json, nullable=False),
    sa.Column("notes", db.Json, nullable=False),
    sa.Column("operation", sa.String(32)),
    sa.Column("created_at", db.Moment, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.Column("modified_at", db.Moment, nullable=False),
    sa.Column("modified_by", sa.Text, nullable=False),
)
"""`wanted` and `serving` are revision ids: the newest accepted change, and the one that the router sends to.
`all_traffic`: give it all of the endpoint's traffic as soon as it serves. `scale`: of an autoscaled one, the `count` of
instances, since when (`at`) and `why`. `notes`: what its processes lack of isolation and limits."""

revisions = sa.Table(
    "online_revisions",
    db.metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("workspace", sa.String(64), nullable=False),
    sa.Column("endpoint", sa.String(64), nullable=False),
    sa.Column("deployment", sa.String(64), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("replicas", sa.String(16), nullable=False),
    sa.Column("instances", sa.Integer, nullable=False),
    sa.Column("body", db.Json, nullable=False),
    sa.Column("resolved", db.Json, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("last_lines", db.Json, nullable=False),
    sa.Column("lock_digest", sa.String(64)),
    sa.Column("environment_note", sa.Text),
    sa.Column("machine_note", sa.Text),
    sa.Column("rolled_back_to", sa.String(16)),
    sa.Column("change_reason", sa.Text, nullable=False),
    sa.Column("created_at", db.Moment, nullable=False),
    sa.Column("created_by", sa.Text, nullable=False),
    sa.UniqueConstraint("workspace", "endpoint", "deployment", "number"),
)
"""Never changed but for `state`, `reason`, `last_lines`, `lock_digest`, `environment_note`: how it went. `replicas` is the id of the
revision whose processes it runs on: its own, or an earlier one's when only their number or words about it changed."""

Key = tuple[str, str]
DeploymentKey = tuple[str, str, str]


def get_endpoint(uow: db.UnitOfWork, key: Key, *, lock: bool = False) -> sa.Row[Any] | None:
    query = sa.select(endpoints).where(_endpoint(key))
    return uow.connection.execute(query.with_for_update() if lock else query).first()


def list_endpoints(uow: db.UnitOfWork, workspace: str | None = None) -> list[sa.Row[Any]]:
    query = sa.select(endpoints).order_by(endpoints.c.workspace, endpoints.c.name)
    return list(
        uow.connection.execute(
            query if workspace is None else query.where(endpoints.c.workspace == workspace)
        )
    )


def insert_endpoint(uow: db.UnitOfWork, row: dict[str, Any]) -> bool:
    """False when somebody else made one of that name a moment ago."""
    try:
        with uow.connection.begin_nested():
            uow.connection.execute(endpoints.insert().values(**row))
    except sa.exc.IntegrityError:
        return False
    return True


def update_endpoint(uow: db.UnitOfWork, key: Key, values: dict[str, Any]) -> None:
    uow.connection.execute(endpoints.update().where(_endpoint(key)).values(**values))


def delete_endpoint(uow: db.UnitOfWork, key: Key) -> None:
    uow.connection.execute(endpoints.delete().where(_endpoint(key)))


def get_deployment(uow: db.UnitOfWork, key: DeploymentKey, *, lock: bool = False) -> sa.Row[Any] | None:
    query = sa.select(deployments).where(_deployment(key))
    return uow.connection.execute(query.with_for_update() if lock else query).first()


def list_deployments(uow: db.UnitOfWork, key: Key | None = None) -> list[sa.Row[Any]]:
    query = sa.select(deployments).order_by(
        deployments.c.created_at, deployments.c.workspace, deployments.c.endpoint, deployments.c.name
    )
    if key is not None:
        query = query.where((deployments.c.workspace == key[0]) & (deployments.c.endpoint == key[1]))
    return list(uow.connection.execute(query))


def insert_deployment(uow: db.UnitOfWork, row: dict[str, Any]) -> None:
    """Only while the endpoint's row is locked, so that nobody can be faster."""
    uow.connection.execute(deployments.insert().values(**row))


def update_deployment(uow: db.UnitOfWork, key: DeploymentKey, values: dict[str, Any]) -> None:
    uow.connection.execute(deployments.update().where(_deployment(key)).values(**values))


def delete_deployment(uow: db.UnitOfWork, key: DeploymentKey) -> None:
    """The deployment and its revisions; lineage keeps what they were."""
    uow.connection.execute(revisions.delete().where(_revisions_of(key)))
    uow.connection.execute(deployments.delete().where(_deployment(key)))


def get_revision(uow: db.UnitOfWork, revision: str) -> sa.Row[Any] | None:
    return uow.connection.execute(sa.select(revisions).where(revisions.c.id == revision)).first()


def get_revisions(uow: db.UnitOfWork, ids: Sequence[str]) -> list[sa.Row[Any]]:
    return list(uow.connection.execute(sa.select(revisions).where(revisions.c.id.in_(ids))))


def list_revisions(uow: db.UnitOfWork, key: DeploymentKey) -> list[sa.Row[Any]]:
    query = sa.select(revisions).where(_revisions_of(key)).order_by(revisions.c.number.desc())
    return list(uow.connection.execute(query))


def all_revisions(uow: db.UnitOfWork) -> list[sa.Row[Any]]:
    """Every revision that a deployment has or may return to: what its environment is."""
    columns = (revisions.c.workspace, revisions.c.resolved, revisions.c.lock_digest)
    return list(uow.connection.execute(sa.select(*columns)))


def last_number(uow: db.UnitOfWork, key: DeploymentKey) -> int:
    query = sa.select(sa.func.max(revisions.c.number)).where(_revisions_of(key))
    return uow.connection.execute(query).scalar() or 0


def insert_revision(uow: db.UnitOfWork, row: dict[str, Any]) -> None:
    uow.connection.execute(revisions.insert().values(**row))


def update_revision(uow: db.UnitOfWork, revision: str, values: dict[str, Any]) -> None:
    uow.connection.execute(revisions.update().where(revisions.c.id == revision).values(**values))


def _endpoint(key: Key) -> sa.ColumnElement[bool]:
    return (endpoints.c.workspace == key[0]) & (endpoints.c.name == key[1])


def _deployment(key: DeploymentKey) -> sa.ColumnElement[bool]:
    workspace, endpoint, name = key
    of_endpoint = (deployments.c.workspace == workspace) & (deployments.c.endpoint == endpoint)
    return of_endpoint & (deployments.c.name == name)


def _revisions_of(key: DeploymentKey) -> sa.ColumnElement[bool]:
    workspace, endpoint, deployment = key
    of_endpoint = (revisions.c.workspace == workspace) & (revisions.c.endpoint == endpoint)
    return of_endpoint & (revisions.c.deployment == deployment)
