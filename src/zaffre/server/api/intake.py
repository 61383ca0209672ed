"""A request's body on its way from the event loop into an upload: one block fills while the block before is written.

Called by the route of blobs. Memory stays at two blocks, however large the body is, and no thread waits for a slow
client: threads work only when a block is full.
"""

import asyncio
from collections.abc import AsyncIterator

from fastapi import concurrency

from zaffre.server.artifacts import uploads

_BLOCK = 8 << 20


async def receive(body: AsyncIterator[bytes], upload: uploads.Upload, *, expected: int | None) -> None:
    """Write the body to the upload, also what came of one that breaks off. Raises what `Upload.write` raises."""
    size = _BLOCK if expected is None else min(max(expected, 1), _BLOCK)
    filling, resting = (memoryview(bytearray(size)) for _ in range(2))
    used = 0
    writing: asyncio.Task[None] | None = None
    try:
        async for piece in body:
            # Copied, so that the memory of each piece is free for the next: new memory costs more than a copy.
            rest = memoryview(piece)
            while rest:
                count = min(len(rest), size - used)
                filling[used : used + count] = rest[:count]
                rest, used = rest[count:], used + count
                if used == size:
                    if writing is not None:
                        await writing
                    writing = asyncio.create_task(concurrency.run_in_threadpool(upload.write, filling))
                    filling, resting, used = resting, filling, 0
    finally:
        if writing is not None:
            await writing
        if used:
            await concurrency.run_in_threadpool(upload.write, filling[:used])
