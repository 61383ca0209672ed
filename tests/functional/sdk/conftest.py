"""A real server, and clients of it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zaffre import MLClient

ZAFFRE = str(Path(sys.executable).with_name("zaffre"))


@pytest.fixture(scope="session")
def home(tmp_path_factory):
    """The home of a running server."""
    home = tmp_path_factory.mktemp("sdk") / "home"
    environment = os.environ | {"ZAFFRE_HOME": str(home)}
    subprocess.run([ZAFFRE, "server", "start"], env=environment, check=True, capture_output=True, timeout=240)
    yield home
    subprocess.run(
        [ZAFFRE, "server", "stop", "--all"], env=environment, check=True, capture_output=True, timeout=240
    )


@pytest.fixture
def ml_client(home, monkeypatch):
    """A client as users make it."""
    for name in ("ZAFFRE_URL", "ZAFFRE_TOKEN", "ZAFFRE_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ZAFFRE_HOME", str(home))
    with MLClient(object(), "sub", "rg", "default") as client:
        yield client
