"""What routes are given: the parts of a running server, put together by `app`."""

import asyncio
import dataclasses
from collections.abc import Callable, Hashable
from typing import Annotated, Any

import fastapi

from zaffre.core import settings
from zaffre.server import db, secrets
from zaffre.server.access import authentication, callers, workspaces
from zaffre.server.artifacts import service as artifacts
from zaffre.server.compute import machine, ports
from zaffre.server.endpoints.online import preparing
from zaffre.server.endpoints.online import room as rooms
from zaffre.server.endpoints.telemetry import sampler
from zaffre.server.environments import pruning


@dataclasses.dataclass(frozen=True)
class Online:
    """What routes of online endpoints use."""

    room: rooms.Room
    runner: ports.ServiceRunner
    preparations: preparing.Preparations
    pruner: pruning.Pruner
    machine: machine.Watch


@dataclasses.dataclass
class Context:
    """The parts of one server. Built once, by the composition root; routes only read it."""

    settings: settings.Settings
    database: db.Database
    authenticator: authentication.Authenticator
    blobs: artifacts.Room
    online: Online
    occupants: tuple[workspaces.Occupants, ...] = ()
    newest_look: Callable[[], sampler.Sampled | None] = lambda: None
    certificates: tuple[secrets.Keeper, ...] = ()
    # Tokens that the database is being asked about; the event loop's alone.
    asking: dict[Hashable, "asyncio.Future[callers.Caller]"] = dataclasses.field(default_factory=dict)


async def get(request: fastapi.Request) -> Context:
    context: Context = request.app.state.context
    return context


Deps = Annotated[Context, fastapi.Depends(get)]
Body = dict[str, Any]
