import asyncio
import threading
import types

import fastapi
import pytest

from zaffre.core import errors
from zaffre.server.access import callers
from zaffre.server.api import auth


class Guard:
    """An authenticator that has seen nobody, and answers when it is let."""

    def __init__(self):
        self.generation, self.asked, self.free = 0, [], threading.Event()

    def known(self, _text):
        return None

    def question(self, text):
        return self.generation, text

    def look_up(self, text):
        self.asked.append(text)
        assert self.free.wait(120)
        if text == "wrong":
            raise errors.Unauthenticated("The token is wrong.")
        return callers.Caller(text)


@pytest.fixture
def parts():
    return types.SimpleNamespace(authenticator=Guard(), asking={})


def caller_of(token, parts):
    headers = [(b"authorization", f"Bearer {token}".encode())]
    request = fastapi.Request({"type": "http", "headers": headers})
    return asyncio.ensure_future(auth.caller(request, parts))


async def begun(parts, count):
    """Wait until so many questions have reached the authenticator."""
    async with asyncio.timeout(120):
        while len(parts.authenticator.asked) < count:
            await asyncio.sleep(0.001)


def test_many_requests_with_a_new_token_ask_for_it_once(parts):
    async def run():
        asked = [caller_of("mine", parts) for _ in range(10)]
        await begun(parts, 1)
        parts.authenticator.free.set()
        return await asyncio.gather(*asked)

    assert [found.name for found in asyncio.run(run())] == ["mine"] * 10
    assert parts.authenticator.asked == ["mine"]
    assert parts.asking == {}


def test_all_who_wait_hear_that_a_token_is_wrong(parts):
    async def run():
        asked = [caller_of("wrong", parts) for _ in range(3)]
        await begun(parts, 1)
        parts.authenticator.free.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    assert [type(found) for found in asyncio.run(run())] == [errors.Unauthenticated] * 3


def test_after_a_revocation_nobody_takes_the_answer_from_before_it(parts):
    async def run():
        before = caller_of("mine", parts)
        await begun(parts, 1)
        parts.authenticator.generation += 1  # as `forget` does
        after = caller_of("mine", parts)
        await begun(parts, 2)
        parts.authenticator.free.set()
        await asyncio.gather(before, after)

    asyncio.run(run())
    assert parts.authenticator.asked == ["mine", "mine"]


def test_who_hangs_up_does_not_take_the_answer_from_the_others(parts):
    async def run():
        gone, stays = caller_of("mine", parts), caller_of("mine", parts)
        await begun(parts, 1)
        gone.cancel()
        parts.authenticator.free.set()
        return await stays

    assert asyncio.run(run()).name == "mine"
