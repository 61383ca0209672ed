"""A small HTTP server on a Unix socket that stands where a replica stands, for tests of the router alone.

It answers JSON that says what it got. A body like `{"wait_s": 0.5}` makes it wait first, `{"hold": true}` until `release`.
"""

import asyncio
import contextlib
import json
import threading
from pathlib import Path
from typing import Any


class Upstream:
    """One server in a thread of its own; `close` drops its connections too."""

    def __init__(self, socket: Path, name: str) -> None:
        self.socket = socket
        self.name = name
        self.requests = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._writers: set[asyncio.StreamWriter] = set()
        self._released = asyncio.Event()
        start = asyncio.start_unix_server(self._serve, str(socket))
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result(10)

    def close(self) -> None:
        """Stop listening and drop every connection, as a killed process does. May be repeated."""
        if not self._loop.is_closed():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(10)
            self._loop.close()

    def release(self) -> None:
        """Answer all requests that are held, and hold none any more."""
        self._loop.call_soon_threadsafe(self._released.set)

    async def _end(self) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            while True:
                await self._answer_one(reader, writer)
        self._writers.discard(writer)
        writer.close()

    async def _answer_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        self.requests += 1
        asked: dict[str, Any] = json.loads(body) if body.startswith(b"{") else {}
        if "wait_s" in asked:
            await asyncio.sleep(asked["wait_s"])
        if asked.get("hold"):
            await self._released.wait()
        told = json.dumps({"name": self.name, "request": lines[0], "headers": fields}).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-upstream: {self.name}\r\n"
        writer.write(f"{head}content-length: {len(told)}\r\n\r\n".encode() + told)
        await writer.drain()
