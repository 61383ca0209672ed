"""A place for services: short paths, closed folders, everything ended afterwards."""

import os
import sys

import pytest

from zaffre.server.compute.backends import local_processes
from zaffre.testing import folders

UID = 64321


@pytest.fixture
def place():
    """A closed folder like ZAFFRE_HOME."""
    with folders.short() as home:
        yield home


@pytest.fixture
def make_runner(place):
    """Makes runners of the place. What lives there is ended after the test."""

    def make(*, isolated):
        if isolated and os.geteuid() != 0:
            pytest.skip("only root can isolate")
        runtime = place / "run"
        runtime.mkdir(mode=0o700, exist_ok=True)
        return local_processes.LocalServiceRunner(
            place / "services",
            runtime,
            python=sys.executable,
            isolation_uid=UID if isolated else None,
            hidden=(place,),
        )

    yield make
    runner = make(isolated=False)
    for service_id in runner.list():
        runner.kill(service_id)


@pytest.fixture
def folder(place):
    folder = place / "shared"
    folder.mkdir()
    return folder
