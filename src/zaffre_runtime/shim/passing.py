"""Passes the bytes of callers on to an address, both ways. Imported by `gap` in a process of its own, and nowhere else."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, List, Tuple

_CHUNK = 65536


def run(waiting: List[socket.socket], host: str, port: int) -> None:
    """Until the last of them is closed."""
    asyncio.run(_all(waiting, host, port))


async def _all(waiting: List[socket.socket], host: str, port: int) -> None:
    await asyncio.gather(*(_one(caller, host, port) for caller in waiting), return_exceptions=True)


async def _one(caller: socket.socket, host: str, port: int) -> None:
    caller.setblocking(False)
    near = await asyncio.open_connection(sock=caller)
    try:
        far = await asyncio.open_connection(host, port)
    except OSError:
        near[1].transport.abort()
        return
    await asyncio.gather(_copy(near, far), _copy(far, near))
    for _, writer in (near, far):
        writer.close()


async def _copy(source: Tuple[asyncio.StreamReader, Any], target: Tuple[Any, asyncio.StreamWriter]) -> None:
    try:
        while data := await source[0].read(_CHUNK):
            target[1].write(data)
            await target[1].drain()
        target[1].write_eof()
    except OSError:
        source[1].transport.abort()
        target[1].transport.abort()
