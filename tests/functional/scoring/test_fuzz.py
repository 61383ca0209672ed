"""Some thousand malformed requests at a replica and through the router; `make bench-fuzz` sends a hundred thousand."""

import asyncio

from zaffre.testing import fuzzing


def test_whatever_is_sent_nobody_else_notices():
    found = fuzzing.fuzz(cases=3000, seed=7)
    assert found["examples"] == []
    assert (found["wrong"], found["crashed"]) == (0, 0)
    assert found["cases"] == 3000
    assert len(found["kinds"]) == 12
    assert found["honest_requests"] > 30


def test_a_hidden_request_that_is_scored_would_be_seen(tmp_path):
    """As if the router had let one through: it is sent openly."""
    (tmp_path / "score.py").write_text(fuzzing.SCRIPT)
    target = fuzzing.Target("script")
    with fuzzing.replica(tmp_path, target, app_root=str(tmp_path), entry_script="score.py"):
        run = fuzzing.Run(target, cases=0, seed=1)
        asyncio.run(run.ask_for_hidden())
        assert run.wrong == []
        asyncio.run(scored(run, "812345678901"))
        asyncio.run(run.ask_for_hidden())
        assert run.wrong == []  # a chance of the honest, such as a first digit that was changed
        run.maker.hidden.add("812345678901")
        asyncio.run(run.ask_for_hidden())
    assert run.wrong == ["the hidden request with the token 812345678901 was scored"]


async def scored(run, token):
    reader, writer = await run.target.connect()
    writer.write(run.maker.request(b'{"token": "%s"}' % token.encode()))
    assert (await reader.read(65536)).startswith(b"HTTP/1.1 200")
    writer.close()
