"""Tells subscribers of events: lineage and audit first of all, automation later."""

from collections.abc import Mapping

from zaffre.core import clock
from zaffre.server import audit, db, events, lineage
from zaffre.server.workers import loop

LATEST_S = 5.0
"""How long an event of another server, whose commit rings no bell here, may wait."""


def build(database: db.Database, more: Mapping[str, events.Subscriber] | None = None) -> loop.Loop:
    """The relay of one server. `more` names subscribers beside lineage and audit."""
    subscribers: dict[str, events.Subscriber] = {
        "audit": audit.record,
        "lineage": lineage.record,
        **(more or {}),
    }

    def step() -> float:
        while events.relay(database, subscribers):
            pass
        due = events.next_retry(database)
        return LATEST_S if due is None else min(LATEST_S, max(0.05, (due - clock.now()).total_seconds()))

    relay = loop.Loop("event-relay", step)
    database.listen(events.TOPIC, relay.wake)
    return relay
