"""What the operations of every noun stand on: the session, the workspace's addresses, answers as entities and pollers."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from zaffre.contracts import base, wire
from zaffre.core import errors
from zaffre.sdk import bundles, pollers, transport

Result = TypeVar("Result")


@dataclasses.dataclass
class Scope:
    """One workspace as one client sees it. `listener` hears of bytes, `progress` of long work."""

    wire: transport.Transport
    workspace: str
    resource_group: str | None = None
    subscription: str | None = None
    listener: bundles.Listener | None = None
    progress: pollers.Progress | None = None
    # Of a private server's scope: the one it was asked for in, whose registry can be asked too.
    outer: "Scope | None" = None
    credential: Any = None
    # Whether the server was asked if the workspace is of the group and subscription that are named.
    confirmed: bool = False

    def path(self, *parts: str) -> str:
        """`/api/v1/workspaces/W/...`; every part is one segment, whatever it contains.

        Raises NotFound, the first time, when the workspace is of another group or subscription than is named: scripts have
        workspaces of one name in the groups of test and production.
        """
        place = "/api/v1/workspaces/"
        if not self.confirmed and (self.resource_group or self.subscription):
            named = {"resource_group": self.resource_group, "subscription": self.subscription}
            self.wire.get(place + transport.segment(self.workspace), **named)
        self.confirmed = True
        return place + "/".join(map(transport.segment, (self.workspace, *parts)))

    def bundled(self, entity: base.Entity) -> dict[str, Any]:
        """The body that is sent for an entity, after its files went ahead. Raises Invalid, NotFound, Conflict."""
        return bundles.Bundler(self.wire, self.workspace, self.listener).bundle(entity).to_wire()

    def tagged(self, kind: str, path: str) -> tuple[Any, dict[str, str]]:
        """An entity, and the header with which a change of it fails if somebody else changed it meanwhile."""
        response = self.wire.send("GET", path)
        tag = response.headers.get("etag")
        return entity(kind, response.json()), {"if-match": tag} if tag else {}

    def poller(
        self,
        response: httpx.Response,
        finish: Callable[[dict[str, Any]], Result],
        *,
        look: Callable[[str], dict[str, Any]] | None = None,
    ) -> pollers.Poller[Result]:
        """A poller of the operation in a 202 answer; any other answer means that the work is done.

        `look` asks for the operation of an id together with what else a listener wants to hear: new `lines` of output.
        """
        if response.status_code != 202:
            return pollers.Poller({"state": "Succeeded"}, look=dict, finish=finish)
        operation = response.json()
        path = self.path("operations", str(operation["id"]))

        def plain() -> dict[str, Any]:
            found: dict[str, Any] = self.wire.get(path)
            return found

        seen = functools.partial(look, str(operation["id"])) if look and self.progress else plain
        return pollers.Poller(operation, look=seen, finish=finish, progress=self.progress)


def entity(kind: str, body: Any) -> Any:
    """The entity in an answer, with its status."""
    return wire.from_answer(kind, body)


def later(what: str, instead: str | None = None) -> errors.Unsupported:
    """The error of an operation that azure.ai.ml has and Zaffre does not have yet."""
    return errors.Unsupported(f"{what} is not part of Zaffre yet.", hint=instead)
