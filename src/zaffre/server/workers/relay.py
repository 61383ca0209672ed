"""Tells subscribers of events: lineage and audit first of all, automation later."""

import time
from collections.abc import Mapping

from zaffre.core import clock
from zaffre.server import audit, db, events, lineage
from zaffre.server.workers import loop

BATCH = 500
RESTING = 2.0
"""How long the relay rests after each batch, in times of what the batch took."""
SHORTEST_S = 0.05
"""How long it rests at least."""
BURST = 10
BURST_S = 0.4
"""After so many events at once it rests so long, so that a burst is told in few batches: a batch costs more than what is
in it."""
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
        while True:
            began = time.monotonic()
            told = events.relay(database, subscribers, limit=BATCH)
            if not told:
                break
            # Under load events gather meanwhile and are told together; requests get the rest of the processor.
            least = BURST_S if BURST <= told < BATCH else SHORTEST_S
            time.sleep(max(least, min(RESTING * (time.monotonic() - began), 0.5)))
        due = events.next_retry(database)
        return LATEST_S if due is None else min(LATEST_S, max(0.05, (due - clock.now()).total_seconds()))

    relay = loop.Loop("event-relay", step)
    database.listen(events.TOPIC, relay.wake)
    return relay
