"""`GET /metrics`: everything that Prometheus can be told, for who may read all workspaces."""

import fastapi
import prometheus_client
from prometheus_client import exposition as prometheus_text

from zaffre.core import clock, tally
from zaffre.server import access, db, events, operations
from zaffre.server.api import auth, context
from zaffre.server.endpoints.telemetry import exposition

router = fastapi.APIRouter(tags=["metrics"])


@router.get("/metrics")
def metrics(caller: auth.CallerDep, parts: context.Deps) -> fastapi.Response:
    """Counters, gauges and histograms in Prometheus' text format. Send a token of the role reader as bearer token."""
    access.require(caller, "metrics/read", "server")
    found = exposition.Families()
    seen = parts.newest_look()
    if seen is not None:
        exposition.deployments(found, seen)
    exposition.of_machine(found, parts.online.machine.figures())
    _control_plane(found, parts.database)
    registry = prometheus_client.CollectorRegistry(auto_describe=False)
    registry.register(found)
    return fastapi.Response(
        prometheus_text.generate_latest(registry), media_type=prometheus_text.CONTENT_TYPE_PLAIN_0_0_4
    )


def _control_plane(found: exposition.Families, database: db.Database) -> None:
    by_route: dict[tuple[str, ...], tally.Times] = {}
    for (method, route, code), item in sorted(tally.REQUESTS.read().items()):
        found.add("zaffre_http_requests", (method, route, code), item.count)
        before = by_route.get((method, route))
        by_route[method, route] = item if before is None else before.plus(item)
    exposition.times(found, "zaffre_http_request_duration_seconds", by_route)
    with database.read() as uow:
        for (kind, state), count in sorted(operations.counts(uow).items()):
            found.add("zaffre_operations", (kind, state), count)
        pending, oldest = events.backlog(uow)
    found.add("zaffre_relay_pending_events", (), pending)
    lag_s = (clock.now() - oldest).total_seconds() if oldest else 0.0
    found.add("zaffre_relay_lag_seconds", (), max(lag_s, 0.0))
    in_use, idle = database.connections()
    found.add("zaffre_database_connections", ("in_use",), in_use)
    found.add("zaffre_database_connections", ("idle",), idle)
    exposition.times(found, "zaffre_database_writer_wait_seconds", tally.WRITER_WAITS.read())
    exposition.times(found, "zaffre_worker_step_duration_seconds", tally.STEPS.read())
