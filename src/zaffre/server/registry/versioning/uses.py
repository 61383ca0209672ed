"""Who uses which version: written with the deployment in one transaction, asked before anything is deleted.

Called by the endpoints room, which authorises and knows what a user (`endpoints/churn/deployments/blue`) is.
"""

from collections.abc import Sequence
from typing import Any

from zaffre.core import errors
from zaffre.server import db
from zaffre.server.registry.versioning import nouns, pointers, store


def add_uses(uow: db.UnitOfWork, workspace: str, user: str, assets: Sequence[str]) -> None:
    """Let `user` use these versions (`models/churn:3`), which cannot be deleted from here on. Raises NotFound."""
    for asset in dict.fromkeys(assets):
        kind, name, version = _parts(asset)
        row = store.version_by_name(uow, workspace, kind, name, version)
        if row is None or not store.lock_version(uow, row.id, for_use=True):
            raise errors.NotFound(f"There is no {asset} in workspace {workspace}.")
        pointers.add_use(uow, row.id, workspace, user)


def drop_uses(uow: db.UnitOfWork, workspace: str, user: str) -> None:
    """`user` uses nothing any more."""
    pointers.drop_uses(uow, workspace, user)


def users_of(uow: db.UnitOfWork, workspace: str, asset: str) -> list[str]:
    """Who uses a version: where is this model deployed?"""
    kind, name, version = _parts(asset)
    row = store.version_by_name(uow, workspace, kind, name, version)
    return [] if row is None else [user for _, user in pointers.users(uow, [row.id])]


def uses_of(uow: db.UnitOfWork, workspace: str, user: str) -> list[str]:
    """The versions that `user` uses, as `models/churn:3`."""
    return pointers.uses_of(uow, workspace, user)


def users_by_version(uow: db.UnitOfWork, version_ids: Sequence[int]) -> dict[int, list[str]]:
    """Who uses each of these versions."""
    found: dict[int, list[str]] = {}
    for version_id, user in pointers.users(uow, version_ids):
        found.setdefault(version_id, []).append(user)
    return found


def refuse_if_used(uow: db.UnitOfWork, shelf: nouns.Shelf, rows: Sequence[Any]) -> None:
    """Raise InUse when anybody uses any of these versions; the error names who uses which."""
    users = users_by_version(uow, [row.id for row in rows])
    used = [(row, users[row.id]) for row in rows if row.id in users]
    if used:
        said = "; ".join(f"{row.name}:{row.version} is used by {', '.join(who)}" for row, who in used[:5])
        everyone = sorted({user for _, who in used for user in who})
        raise errors.InUse(
            f"The {shelf.word} cannot be deleted: {said}.",
            hint="Delete these deployments or move them to another version first.",
            users=everyone[:100],
        )


def _parts(asset: str) -> tuple[str, str, str]:
    kind, _, rest = asset.partition("/")
    name, colon, version = rest.partition(":")
    if not (kind and name and colon and version):
        raise errors.Invalid(f"{asset!r} does not name a version; write models/NAME:VERSION.")
    return kind, name, version
