"""The runners of this machine: one for services that stay, one for jobs that end, each with a folder of its own."""

import os
import sys

from zaffre.core import settings
from zaffre.server.app import home as homes
from zaffre.server.compute import runtime_folder
from zaffre.server.compute.backends import local_jobs, local_processes


def open_runner(
    configured: settings.Settings, home: homes.Home, *, isolated: bool, folder: str = "services"
) -> local_processes.LocalServiceRunner:
    """What starts detached processes, and finds those that run already."""
    sockets = runtime_folder.choose(
        home.path, configured.runtime_dir, xdg_runtime_dir=os.environ.get("XDG_RUNTIME_DIR")
    )
    runtime_folder.prepare(sockets)
    return local_processes.LocalServiceRunner(
        home.path / folder,
        sockets,
        python=sys.executable,
        isolation_uid=configured.isolation_uid if isolated else None,
        hidden=(home.path,),
    )


def open_jobs(configured: settings.Settings, home: homes.Home) -> local_jobs.LocalJobRunner:
    """What runs jobs, and finds those that run already."""
    isolated = configured.isolation == "auto" and os.geteuid() == 0
    return local_jobs.LocalJobRunner(open_runner(configured, home, isolated=isolated, folder="jobs"))
