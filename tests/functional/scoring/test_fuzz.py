"""Some thousand malformed requests at a replica and through the router; `make bench-fuzz` sends a hundred thousand."""

from zaffre.testing import fuzzing


def test_whatever_is_sent_nobody_else_notices():
    found = fuzzing.fuzz(cases=3000, seed=7)
    assert found["examples"] == []
    assert (found["wrong"], found["crashed"]) == (0, 0)
    assert found["cases"] == 3000
    assert len(found["kinds"]) == 12
    assert found["honest_requests"] > 30
