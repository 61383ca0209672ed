"""One server's life: put together, listen, say where, work until told to stop, leave the replicas serving."""

import contextlib
import gc
import logging
import os
import signal
import socket
from collections.abc import Iterator
from typing import Any

import uvicorn

from zaffre.core import clock, errors, listeners, settings, version
from zaffre.server.app import compose, idling, reading, stopping, tls
from zaffre.server.app import home as homes

log = logging.getLogger(__name__)


def run(configured: settings.Settings, home: homes.Home) -> None:
    """Serve until SIGTERM or SIGINT. Raises before listening when anything that it needs is missing."""
    parts = compose.build(configured, home)
    # What is there by now stays: collections need not look at it again and again.
    gc.collect()
    gc.freeze()
    listener = _listen(configured, home)
    idle, empty = False, False
    try:
        for worker in parts.workers:
            worker.start()
        home.write_server(_facts(configured, listener, parts))
        log.info("listening on %s", _url(listener, parts))
        for warning in tls.warnings(configured):
            log.warning("%s", warning)
        database = parts.context.database
        limit = idling.Idleness(configured.idle_exit_s, lambda: idling.has_open_work(database))
        idle = _serve(parts, listener, limit)
        empty = idle and not idling.has_endpoints(database)
    finally:
        home.write_server({**home.read_server(), "pid": None, "stopped_at": clock.isoformat(clock.now())})
        for worker in reversed(parts.workers):
            worker.stop()
        parts.close()
        listener.close()
    if idle:
        log.info("ended: nobody asked anything for %s s", configured.idle_exit_s)
    if empty:
        stopping.stop_services(configured, home)


def _listen(configured: settings.Settings, home: homes.Home) -> socket.socket:
    """The configured port, or the one that was kept from last time, or a free one."""
    kept = home.read_server().get("port")
    wanted = [configured.port] if configured.port else [*([kept] if isinstance(kept, int) else []), 0]
    for port in wanted:
        listener = socket.socket(socket.AF_INET6 if ":" in configured.host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by every connection. asyncio sets it only where the socket names its protocol; without it each
        # answer waits 40 ms for the other side's acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            listener.bind((configured.host, port))
        except OSError as error:
            listener.close()
            reason = error.strerror
            continue
        listener.listen(2048)
        listener.set_inheritable(False)
        return listener
    raise errors.Unavailable(
        f"Port {configured.port} on {configured.host} cannot be taken{listeners.said(configured.port)}: {reason}.",
        hint="Set ZAFFRE_PORT to another, or to 0 for a free one.",
    )


def _url(listener: socket.socket, parts: compose.Parts) -> str:
    host, port = listener.getsockname()[:2]
    scheme = "https" if parts.encryption else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _facts(configured: settings.Settings, listener: socket.socket, parts: compose.Parts) -> dict[str, Any]:
    return {
        "url": _url(listener, parts),
        "host": configured.host,
        "port": listener.getsockname()[1],
        "pid": os.getpid(),
        "version": version.VERSION,
        "started_at": clock.isoformat(clock.now()),
        "warnings": tls.warnings(configured),
        **parts.facts(),
    }


def _serve(parts: compose.Parts, listener: socket.socket, idleness: idling.Idleness) -> bool:
    """Whether it ended because nobody used it."""
    configuration = uvicorn.Config(
        parts.app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,  # nothing here asks where a request came from
        lifespan="off",
        http=reading.LargeReads,
        loop="asyncio",  # takes large uploads in at half of uvloop's processor time
        timeout_graceful_shutdown=10,
        h11_max_incomplete_event_size=64 * 1024,
    )
    configuration.load()
    configuration.ssl = parts.encryption
    server = _Server(configuration, idleness)
    signal.signal(signal.SIGTERM, server.stop)
    signal.signal(signal.SIGINT, server.stop)
    server.run(sockets=[listener])
    return server.idle


class _Server(uvicorn.Server):
    """Ends on a signal without raising it again, so that `run` can put everything in order afterwards."""

    def __init__(self, configuration: uvicorn.Config, idleness: idling.Idleness) -> None:
        super().__init__(configuration)
        self.idle = False
        self._idleness = idleness

    async def on_tick(self, counter: int) -> bool:
        """uvicorn's own duties, ten times a second; then whether it is time to go for want of work."""
        self.idle = not self.server_state.tasks and self._idleness.seen(self.server_state.total_requests)
        return self.idle or await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self, _number: int, _frame: object) -> None:
        self.should_exit = True
