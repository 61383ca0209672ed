"""Whatever breaks, every answer is right; only what the router itself held when it was killed may be lost."""

import pytest

from zaffre.testing import faults


@pytest.mark.parametrize("name", faults.ALL)
def test_under_load(place, name):
    if faults.obstacle(name):
        pytest.skip(faults.obstacle(name))
    # However slow the machine is, no more than so many wait: else a backlog alone would take longer than requests may.
    with place.site.load(200, at_most=200) as load:
        load.await_answers(60)
        faults.ALL[name](place, load)
    assert load.failures == []
    assert not load.excused or name == "the router is killed"


@pytest.mark.parametrize("name", faults.ENCRYPTED)
def test_under_load_with_tls(name):
    with (
        faults.start(encrypted=True, small_disk=False) as place,
        place.site.load(200, at_most=200) as load,
    ):
        load.await_answers(60)
        faults.ENCRYPTED[name](place, load)
    assert load.failures == []
    assert not load.excused
