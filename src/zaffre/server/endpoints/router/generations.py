"""The router's processes: one, and for the time of a change of its start-up configuration two. Called by `envoy`.

Envoy is told nearly everything by files that it watches. What it only reads at its start (listener, limits, TLS on or off,
number of threads) needs a new process. That one opens the same port beside the old one (SO_REUSEPORT), and only when it
is ready is the old one drained: it asks its clients to connect anew, closes its listener, and is stopped when nobody is
left. Nothing is remembered that the next server process could not see.
"""

import time
from collections.abc import Callable

import httpx

from zaffre.core import errors
from zaffre.server.compute import ports

IDS = ("router", "router-2")
_READY_S = 15.0
_MOST_RESTARTS = 3
_LOOK_S = 0.02
_DRAIN_S = 20.0
"""How long a request may keep an old process up."""
_LEAST_S = 3.0
"""How long an old process asks its clients to leave before its listener closes: Envoy's --drain-time-s, and a bit."""
DRAIN_ARGUMENTS = ("--drain-time-s", "2", "--drain-strategy", "immediate")

SpecOf = Callable[[str], ports.ServiceSpec]


class Generations:
    """`spec_of` gives the wanted specification for a service id."""

    def __init__(self, runner: ports.ServiceRunner, spec_of: SpecOf) -> None:
        self._runner = runner
        self._spec_of = spec_of
        self._clients: dict[str, httpx.Client] = {}
        self._drained_since: dict[str, float] = {}
        alive = self._alive()
        self.current = alive[0] if alive else IDS[0]

    @property
    def admin(self) -> httpx.Client:
        """The admin address of the process that serves."""
        return self._client(self.current)

    def ensure(self) -> None:
        """One process with the wanted configuration serves, and any other is on its way out. Raises Unavailable."""
        alive = self._alive()
        self.current = self._matching(alive) or self._changed(alive)
        for identity in IDS:
            if identity != self.current:
                self._retire(identity)

    def stop(self) -> None:
        """End all; requests fail until one runs again."""
        for identity in IDS:
            self._end(identity)

    def close(self) -> None:
        """Let go of connections."""
        for client in self._clients.values():
            client.close()

    def _alive(self) -> list[str]:
        return [identity for identity in IDS if self._lives(identity)]

    def _lives(self, identity: str) -> bool:
        try:
            status = self._runner.status(identity)
        except errors.NotFound:
            return False
        return status.alive and status.state != "stopping"

    def _matching(self, alive: list[str]) -> str:
        """The process that has the wanted configuration; the first one is started when none lives.

        The present one is asked first: the other may end between the look at it and the start, which would begin it anew.
        """
        for identity in sorted(alive, key=lambda one: one != self.current) or IDS[:1]:
            try:
                self._runner.start(self._spec_of(identity))
            except errors.Conflict:
                continue
            return identity
        return ""

    def _changed(self, alive: list[str]) -> str:
        """A new process beside the old one. When it does not become ready, the old one goes on alone."""
        coming = next((identity for identity in IDS if identity not in alive), IDS[-1])
        self._end(coming)
        self._runner.start(self._spec_of(coming))
        deadline = time.monotonic() + _READY_S
        while not self._is_ready(coming):
            if time.monotonic() > deadline or self._runner.status(coming).restarts >= _MOST_RESTARTS:
                log = self._runner.paths(coming).log
                self._runner.kill(coming)
                raise errors.Unavailable(
                    "The router does not start with its new configuration; the one before stays in force.",
                    hint=f"Its log names the reason: {log}.",
                )
            time.sleep(_LOOK_S)
        self._drained_since.pop(coming, None)
        return coming

    def _retire(self, identity: str) -> None:
        if not self._lives(identity):
            self._drained_since.pop(identity, None)
            if identity in self._runner.list() and not self._runner.status(identity).alive:
                self._runner.remove(identity)
            return
        since = self._drained_since.get(identity)
        try:
            if since is None:
                self._client(identity).post("/drain_listeners?graceful&skip_exit").raise_for_status()
                self._drained_since[identity] = time.monotonic()
            elif time.monotonic() - since > (_DRAIN_S if self._clients_of(identity) else _LEAST_S):
                self._runner.stop(identity, drain_s=1.0)
        except httpx.HTTPError:
            self._runner.stop(identity, drain_s=1.0)

    def _is_ready(self, identity: str) -> bool:
        try:
            return self._client(identity).get("/ready").status_code == 200
        except httpx.HTTPError:
            return False

    def _clients_of(self, identity: str) -> int:
        """How many requests the process has under way."""
        text = self._client(identity).get("/stats?filter=downstream_rq_active$").text
        return sum(
            int(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith("http.scoring.")
        )

    def _client(self, identity: str) -> httpx.Client:
        if identity not in self._clients:
            transport = httpx.HTTPTransport(uds=str(self._runner.paths(identity).socket))
            self._clients[identity] = httpx.Client(transport=transport, base_url="http://router", timeout=5.0)
        return self._clients[identity]

    def _end(self, identity: str) -> None:
        try:
            self._runner.stop(identity, drain_s=5.0)
        except errors.NotFound:
            return
        if not self._runner.wait(identity, timeout_s=8.0):
            self._runner.kill(identity)
