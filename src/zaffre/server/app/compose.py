"""Puts the parts of one server together."""

import dataclasses
from typing import Any

import fastapi

from zaffre.core import settings
from zaffre.core import version as core_version
from zaffre.server import db
from zaffre.server.access import authentication
from zaffre.server.api import app as face
from zaffre.server.api import artifacts as artifact_routes
from zaffre.server.api import (
    audit,
    context,
    conversions,
    data,
    deployments,
    endpoints,
    environments,
    lineage,
    metrics,
    models,
    operations,
    profiles,
    secrets,
    tokens,
    trust,
    workspaces,
)  # fmt: skip
from zaffre.server.app import first_start, online, tables, telemetry, tls, tooling
from zaffre.server.app import home as homes
from zaffre.server.artifacts import backends, uploads
from zaffre.server.artifacts import service as artifacts
from zaffre.server.db import schema
from zaffre.server.endpoints.online import service as online_endpoints
from zaffre.server.environments import service as environment_locks
from zaffre.server.registry.versioning import service as versioning
from zaffre.server.secrets import named as secret_service
from zaffre.server.workers import certificates as certificate_worker
from zaffre.server.workers import checkpoints, loop, relay
from zaffre.server.workers import tasks as task_workers

ROUTERS = (
    workspaces.router,
    tokens.router,
    trust.router,
    secrets.router,
    audit.router,
    lineage.router,
    operations.router,
    artifact_routes.router,
    models.router,
    conversions.router,
    profiles.router,
    data.router,
    environments.router,
    endpoints.router,
    deployments.router,
    metrics.router,
)


@dataclasses.dataclass
class Parts:
    """A server that is put together and not yet started."""

    context: context.Context
    app: fastapi.FastAPI
    workers: list[loop.Loop]
    online: online.Online
    tasks: task_workers.Tasks
    encryption: tls.RenewableContext | None = None

    def facts(self) -> dict[str, Any]:
        """What clients are told beside the address of the control plane."""
        return self.online.facts()

    def close(self) -> None:
        """Give back what the parts hold; replicas and jobs go on."""
        self.tasks.close()
        self.online.close()
        self.context.database.close()


def open_database(configured: settings.Settings, home: homes.Home) -> db.Database:
    """The configured database, at the newest schema."""
    database = db.Database(configured.database_url or home.database_url)
    schema.migrate(database, tables.metadata())
    return database


def migrate(configured: settings.Settings, home: homes.Home) -> tuple[str | None, str | None]:
    """Bring the database to the newest schema; returns the revisions before and after."""
    database = db.Database(configured.database_url or home.database_url)
    try:
        return schema.migrate(database, tables.metadata())
    finally:
        database.close()


def open_blobs(configured: settings.Settings, home: homes.Home) -> artifacts.Room:
    """The configured store of blobs, and the folder where uploads wait."""
    return artifacts.Room(
        store=backends.open_store(configured.artifacts_url, home.path),
        incoming=uploads.Incoming(home.path / "incoming"),
        max_upload_bytes=configured.max_upload_bytes,
    )


def build(configured: settings.Settings, home: homes.Home) -> Parts:
    """Everything that `serve` starts."""
    database = open_database(configured, home)
    box = first_start.open_box(database, home)
    first_start.ensure(database, home)
    blobs = open_blobs(configured, home)
    context_tls, keepers = tls.serve(tls.control_plane(configured), home)
    first_start.ensure_signing(database, box)
    serving = online.build(configured, home, database, blobs=blobs, box=box)
    looking = telemetry.build(configured, database, serving)
    parts = context.Context(
        settings=configured,
        database=database,
        authenticator=authentication.Authenticator(database),
        blobs=blobs,
        online=serving.face,
        occupants=(online_endpoints.occupants, versioning.occupants, secret_service.occupants),
        newest_look=lambda: looking.sampler.newest,
        certificates=(*keepers, *serving.keepers),
    )
    tasks = tooling.open_tasks(database, serving.converting, serving.profiling)
    application = face.build(parts, ROUTERS, version=core_version.VERSION)
    workers = [
        relay.build(database, {"environments": environment_locks.forget}),
        serving.issuers,
        serving.loop,
        tasks.loop,
        looking.loop,
    ]
    if database.is_sqlite:
        workers.append(checkpoints.build(database))
    if parts.certificates:
        workers.append(certificate_worker.build(database, parts.certificates))
    return Parts(parts, application, workers, serving, tasks, context_tls)
