"""What Envoy says of itself at its admin socket: hosts, versions that it uses, counters. `envoy` asks; nothing is changed here."""

import dataclasses
import json
from collections.abc import Callable

import httpx

from zaffre.core import errors
from zaffre.server.endpoints.router import files, stats


@dataclasses.dataclass(frozen=True)
class HostState:
    """What Envoy says of one host: whether it sends requests there, and how many are under way."""

    healthy: bool
    active: int


class Admin:
    """`client` gives the connection to the Envoy that serves now. Everything raises Unavailable when it does not answer."""

    def __init__(self, client: Callable[[], httpx.Client]) -> None:
        self._client = client

    def hosts(self) -> dict[str, dict[str, HostState]]:
        """What Envoy knows of every host, by cluster and socket."""
        answer = json.loads(self._get("/clusters?format=json"))
        return {
            cluster["name"]: {
                host["address"]["pipe"]["path"]: _host_state(host)
                for host in cluster.get("host_statuses", ())
                if "pipe" in host["address"]  # the collector of spans is no replica
            }
            for cluster in answer.get("cluster_statuses", ())
        }  # fmt: skip

    def stats(self) -> stats.Reading:
        """What Envoy has counted; cheap enough for every second."""
        return stats.parse(self._get(stats.PATH))

    def taken(self) -> dict[str, str]:
        """The versions that Envoy uses, by the name of what they are versions of."""
        found = {}
        for line in self._get("/stats?type=TextReadouts").splitlines():
            name, _, value = line.partition(": ")
            if name.endswith(".version_text"):
                found[name.removesuffix(".version_text")] = value.strip('"')
        return found

    def refused(self, known_as: str) -> int:
        """How many files of that kind it did not take."""
        return self.counter(f"{known_as}.update_rejected") + self.counter(f"{known_as}.update_failure")

    def counter(self, name: str) -> int:
        """One counter; 0 when Envoy does not have it yet."""
        pattern = name.replace(".", "[.]")
        _, _, value = self._get(f"/stats?filter=^{pattern}$").partition(": ")
        return int(value) if value.strip() else 0

    def _get(self, path: str) -> str:
        try:
            answer = self._client().get(path)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise errors.Unavailable(
                f"The router's own address does not answer ({type(error).__name__}).",
                hint="It is started again by its parent process; this is tried again.",
            ) from error
        return answer.text


def _host_state(host: files.Document) -> HostState:
    health = host["health_status"]
    bad = [flag for flag, value in health.items() if value is True]
    active = next((int(stat.get("value", 0)) for stat in host["stats"] if stat["name"] == "rq_active"), 0)
    return HostState(healthy=not bad and health.get("eds_health_status") == "HEALTHY", active=active)
