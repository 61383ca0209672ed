"""Runs the sampler of telemetry; of several servers on one database, in the one that holds the lease."""

from zaffre.server import db
from zaffre.server.compute import machine
from zaffre.server.endpoints.telemetry import sampler
from zaffre.server.workers import endpoints, loop


def build(database: db.Database, looks: sampler.Sampler, watch: machine.Watch) -> loop.Loop:
    """The loop of one server; each looks at its own machine."""
    turn = endpoints.Turn(database, "telemetry")

    def step() -> float:
        watch.refresh()
        return looks.step() if turn.is_mine() else endpoints.WAIT_S

    return loop.Loop("telemetry", step)
