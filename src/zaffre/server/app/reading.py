"""How the control plane reads from its connections: in large pieces, so that uploads cost few turns of the event loop.

Given to uvicorn by `serve`. What is read goes to uvicorn's own protocol, which copies it; so one buffer does for all.
"""

import asyncio

from uvicorn.protocols.http import httptools_impl

_BUFFER = memoryview(bytearray(1 << 20))


class LargeReads(httptools_impl.HttpToolsProtocol, asyncio.BufferedProtocol):
    """uvicorn's protocol, with up to 1 MiB from each read instead of 256 KiB."""

    def get_buffer(self, _sizehint: int) -> memoryview:
        return _BUFFER

    def buffer_updated(self, count: int) -> None:
        # The annotation says bytes; the parser takes any buffer.
        self.data_received(_BUFFER[:count])  # type: ignore[arg-type]
