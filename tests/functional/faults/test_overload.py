"""Twice the sustainable load: the deployment serves what it can and refuses the rest in time. Ratios belong to the benchmark."""

import tempfile
from pathlib import Path

import pytest

from zaffre.testing import chaos, overload
from zaffre.testing import server as servers


@pytest.fixture
def site():
    with tempfile.TemporaryDirectory(prefix="zaffre-overload-") as home:
        server = servers.ServerProcess(Path(home)).start()
        try:
            yield chaos.Site(server)
        finally:
            server.end()


def test_the_rest_is_refused_and_nothing_else_happens(site):
    overload.serve(site)
    found = overload.overload(site, peak=overload.sustained(site, seconds=2), seconds=4, times=3)
    assert found["refused"] > 0
    assert found["other_codes"] == []
    assert found["served_rps"] > 0
