"""Runs the sampler of telemetry; of several servers on one database, in the one that holds the lease."""

from collections.abc import Callable

from zaffre.server import db
from zaffre.server.compute import machine
from zaffre.server.endpoints.telemetry import sampler
from zaffre.server.workers import endpoints, loop


def turn(database: db.Database) -> endpoints.Turn:
    """Whether this server is the one that looks."""
    return endpoints.Turn(database, "telemetry")


def last_look(looks: sampler.Sampler, turn: endpoints.Turn) -> Callable[[], None]:
    """What is done before processes leave: what they counted since the look before goes with them."""

    def look() -> None:
        if turn.is_mine():
            looks.step()

    return look


def build(looks: sampler.Sampler, watch: machine.Watch, turn: endpoints.Turn) -> loop.Loop:
    """The loop of one server; each looks at its own machine."""

    def step() -> float:
        watch.refresh()
        return looks.step() if turn.is_mine() else endpoints.WAIT_S

    return loop.Loop("telemetry", step)
