"""Which process of the router serves, when others end at an awkward moment."""

import types

import pytest

from zaffre.core import errors
from zaffre.server.endpoints.router import generations


class Runner:
    """Services that live with a specification; `start` begins anew what has ended, as the real one does."""

    def __init__(self, **living):
        self.living = living
        self.ends_at_start = ""

    def status(self, identity):
        if identity not in self.living:
            raise errors.NotFound(identity)
        return types.SimpleNamespace(alive=True, state="running", restarts=0)

    def start(self, spec):
        self.living.pop(self.ends_at_start, None)
        if self.living.setdefault(spec.id, spec.kind) != spec.kind:
            raise errors.Conflict(spec.id)


@pytest.fixture
def runner():
    return Runner(router="old")


def test_one_that_ends_while_it_is_looked_at_is_not_started_anew(runner, monkeypatch):
    wanted = "old"
    router = generations.Generations(runner, lambda one: types.SimpleNamespace(id=one, kind=wanted))
    retired = []
    monkeypatch.setattr(router, "_retire", retired.append)
    monkeypatch.setattr(router, "_is_ready", lambda _: True)
    monkeypatch.setattr(router, "_end", lambda _: None)
    wanted = "new"
    router.ensure()
    assert (router.current, runner.living) == ("router-2", {"router": "old", "router-2": "new"})
    runner.ends_at_start = "router"
    router.ensure()
    assert (router.current, runner.living) == ("router-2", {"router-2": "new"})
    assert retired == ["router", "router"]
