"""`stop-services`: ends the replicas and the router that a server left serving. Run while no server runs.

What is wanted stays written in the database: a server that starts again brings it all back.
"""

from zaffre.core import settings
from zaffre.server.app import home as homes
from zaffre.server.app import online

_GRACE_S = 5.0


def stop_services(configured: settings.Settings, home: homes.Home) -> list[str]:
    """Ask everything to end, wait for it, end by force what does not; returns what ran."""
    runner = online.open_runner(configured, home)
    drain_s = min(configured.drain_s, _GRACE_S)
    alive = [item for item in runner.list() if not runner.wait(item, timeout_s=0)]
    for item in alive:
        runner.stop(item, drain_s=drain_s)
    for item in alive:
        if not runner.wait(item, timeout_s=drain_s + _GRACE_S):
            runner.kill(item)
    return alive
