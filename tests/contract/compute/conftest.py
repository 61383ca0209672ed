"""A place for services: short paths, closed folders, everything ended afterwards."""

import shutil
import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def place():
    """A home like ZAFFRE_HOME and a short runtime folder."""
    home = Path(tempfile.mkdtemp(prefix="zaffre-test-"))
    yield home
    shutil.rmtree(home)

