"""Ends what outlives the server: router and replicas. `python -m zaffre.server.app.stopping` is what `zaffre server stop
--all` spawns when no server runs: it loads little of the server."""

import os
import sys
from pathlib import Path

from zaffre.core import errors, settings
from zaffre.server import db
from zaffre.server.app import home as homes
from zaffre.server.app import orders, runners
from zaffre.server.compute import ports

_WAIT_S = 15.0


def stop_services(configured: settings.Settings, home: homes.Home) -> list[str]:
    """Stop every detached process of this home; returns their ids. The next start brings them back.

    Raises Conflict while a server runs, since it would start them again at once.
    """
    _demand_stopped(configured, home)
    isolated = configured.isolation == "auto" and os.geteuid() == 0
    runner = runners.open_runner(configured, home, isolated=isolated)
    _forget_jobs(runners.open_runner(configured, home, isolated=isolated, folder="jobs"))
    alive = [identity for identity in runner.list() if runner.status(identity).alive]
    # The router first: nobody should be sent to a replica that is about to go.
    for identity in sorted(alive, key=lambda item: not item.startswith("router")):
        runner.stop(identity, drain_s=configured.drain_s)
    for identity in alive:
        if not runner.wait(identity, timeout_s=configured.drain_s + _WAIT_S):
            runner.kill(identity)
    return sorted(alive)


def _forget_jobs(runner: ports.ServiceRunner) -> None:
    """A job that is forgotten is run anew by the next server; one that was ended would count as failed."""
    for identity in runner.list():
        runner.kill(identity)
        runner.remove(identity)


def _demand_stopped(configured: settings.Settings, home: homes.Home) -> None:
    pid = home.read_server().get("pid")
    if configured.database_url:
        if pid and Path(f"/proc/{pid}").exists():
            raise errors.Conflict(f"The server (process {pid}) runs.", hint="`zaffre server stop` first.")
        return
    db.Database(home.database_url).close()


def order(configured: settings.Settings, home: homes.Home) -> dict[str, list[str]]:
    """As `stop_services`, in the words of the command line."""
    return {"stopped": stop_services(configured, home)}


if __name__ == "__main__":
    sys.exit(orders.carry_out(order))
