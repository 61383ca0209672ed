"""Puts together what looks at deployments. Called by `compose`."""

import dataclasses

from zaffre.core import settings
from zaffre.server import db
from zaffre.server.app import online
from zaffre.server.endpoints.telemetry import alerts, sampler
from zaffre.server.workers import loop
from zaffre.server.workers import telemetry as worker


@dataclasses.dataclass(frozen=True)
class Telemetry:
    """The sampler, and the loop that drives it."""

    sampler: sampler.Sampler
    loop: loop.Loop


def build(configured: settings.Settings, database: db.Database, serving: online.Online) -> Telemetry:
    """Over the replicas and the router of one server."""
    looks = sampler.Sampler(
        database,
        serving.face.runner,
        serving.router,
        interval_s=configured.telemetry_interval_s,
        retention_s=configured.telemetry_retention_s,
        after=alerts.after_a_look,
    )
    turn = worker.turn(database)
    serving.reconciler.before_removal = worker.last_look(looks, turn)
    return Telemetry(looks, worker.build(looks, serving.face.machine, turn))
