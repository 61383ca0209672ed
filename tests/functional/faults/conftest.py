"""Homes on a file system that can be filled, servers whose database can be killed, one endpoint for all that can break."""

import contextlib
import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from zaffre.testing import chaos, faults, postgres


@pytest.fixture
def small_disk():
    """A folder on a file system of its own with 48 MiB; only root can have one."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    folder = Path(tempfile.mkdtemp(prefix="zaffre-full-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m,mode=0700", "none", str(folder)], check=False
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("this machine lets nobody mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
    with contextlib.suppress(OSError):
        folder.rmdir()


@pytest.fixture(scope="module")
def own_postgres():
    """A PostgreSQL server that a test may end."""
    with postgres.serve(durable=True) as server:
        yield server


@pytest.fixture(scope="session")
def place():
    """Two replicas of one deployment behind a real router; afterwards nothing of it may be left."""
    with faults.start() as started:
        yield started
        assert started.site.done("DELETE", chaos.ENDPOINT)["state"] == "Succeeded"
        faults.until(lambda: list(started.site.replicas()) == ["router"])
        faults.until(lambda: list((started.site.server.home / "replicas").iterdir()) == [])
    faults.until(lambda: chaos.processes(started.site.server.home) == [])
