"""What the services of online endpoints stand on, and the words that they share."""

import dataclasses
import secrets as randomness
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from zaffre.core import errors
from zaffre.server import db, operations, secrets
from zaffre.server.compute import instance_types
from zaffre.server.environments import curated

TOPIC = "endpoints"
"""What the reconciler listens to on the database."""

KEYS = ("primary", "secondary")


@dataclasses.dataclass(frozen=True)
class Tokens:
    """Whose tokens may open endpoints, for whom they are unless an endpoint says it, and how long ours live."""

    issuers: tuple[secrets.Issuer, ...] = ()
    audience: str = "https://ml.azure.com"
    lifetime_s: float = 3600.0


@dataclasses.dataclass(frozen=True)
class Room:
    """`scoring_url` is the router's address; with `scoring_domain` every endpoint has a host name of its own."""

    box: secrets.Box
    curated: curated.Table
    instance_types: instance_types.InstanceTypes
    scoring_url: str
    scoring_domain: str = ""
    allow_debugger: bool = False
    # What speaks against another process on this machine now, one line each.
    warnings: Callable[[], list[str]] = list
    tokens: Tokens = Tokens()

    def address(self, workspace: str, endpoint: str) -> str:
        """Where an endpoint answers, without the last part of the path."""
        if not self.scoring_domain:
            return f"{self.scoring_url}/{workspace}/{endpoint}"
        parts = urlsplit(self.scoring_url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{endpoint}.{workspace}.{self.scoring_domain}{port}".lower()


def resource(workspace: str, endpoint: str) -> str:
    """What access is asked about."""
    return f"workspaces/{workspace}/endpoints/{endpoint}"


def new_etag() -> str:
    """Marks one state of a row; changes with every accepted change."""
    return randomness.token_hex(8)


def check_etag(row: Any, if_match: str | None, what: str) -> None:
    """Raise Conflict when the caller saw another state than the one that is there."""
    if if_match is not None and if_match.strip('"') not in ("*", row.etag):
        raise errors.Conflict(
            f"{what} was changed by somebody else since you read it.",
            hint="Read it again, and repeat your change on what you see.",
        )


def check_free(uow: db.UnitOfWork, row: Any, what: str) -> None:
    """Raise Conflict while earlier work on the thing goes on."""
    if row.state == "Deleting":
        raise errors.Conflict(f"{what} is being deleted.", hint="Wait until it is gone.")
    found = operations.get(uow, row.operation) if row.operation else None
    if found is not None and found["state"] == "Running":
        raise errors.Conflict(
            f"{what} is being changed: {found['kind']} (operation {found['id']}) is not finished.",
            hint="Wait until it is, or delete the thing.",
            operation=found["id"],
        )
