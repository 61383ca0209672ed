import asyncio
import hashlib
import os

import pytest

from zaffre.core import errors
from zaffre.server.api import intake
from zaffre.server.artifacts import uploads

CONTENT = os.urandom(3_000_001)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(intake, "_BLOCK", 500_000)


@pytest.fixture
def upload(tmp_path):
    incoming = uploads.Incoming(tmp_path / "incoming")
    begun = uploads.Upload(incoming, "ann", DIGEST, offset=0, total=len(CONTENT), limit=1 << 30)
    yield begun
    begun.pause()


async def pieces(*sizes, error=None):
    at = 0
    for size in sizes:
        yield CONTENT[at : at + size]
        at += size
    if error:
        raise error


@pytest.mark.parametrize("expected", [None, len(CONTENT)])
@pytest.mark.parametrize(
    "sizes",
    [[len(CONTENT)], [500_000] * 7, [1, *[499_999, 700_000] * 3], [0, 999_999, 2_000_002]],
    ids=["at once", "block by block", "across blocks", "with an empty piece"],
)
def test_however_a_body_is_cut_its_bytes_arrive_in_order(upload, sizes, expected):
    asyncio.run(intake.receive(pieces(*sizes), upload, expected=expected))
    upload.verify()
    assert upload.file.read_bytes() == CONTENT


def test_what_came_before_a_break_is_kept_to_the_last_byte(upload):
    broken = pieces(500_000, 500_000, 123_456, error=ConnectionResetError())
    with pytest.raises(ConnectionResetError):
        asyncio.run(intake.receive(broken, upload, expected=len(CONTENT)))
    assert upload.file.read_bytes() == CONTENT[:1_123_456]


def test_an_error_while_writing_ends_the_reading(upload, monkeypatch):
    def full(_piece):
        raise errors.Unavailable("The server's disk is full.")

    read = []

    async def endless():
        for _ in range(1000):
            read.append(1)
            yield bytes(250_000)

    monkeypatch.setattr(upload, "write", full)
    with pytest.raises(errors.Unavailable):
        asyncio.run(intake.receive(endless(), upload, expected=None))
    assert len(read) < 10
