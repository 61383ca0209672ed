"""Hidden versions: what deployments described inline, one for each content, under one name. Swept when nothing uses them.

A swept version leaves no grave, since its number is its content: whoever describes the same again gets the same again.
Called by the nouns that have such versions.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from zaffre.server import db
from zaffre.server.access import callers
from zaffre.server.registry.versioning import nouns, service, store
from zaffre.server.registry.versioning.tables import assets, uses, versions


def number_of(body: Mapping[str, Any]) -> str:
    """The version of a hidden one: its content."""
    return service.content_of(body)[:32]


def unused(uow: db.UnitOfWork, kind: str, name: str, before: dt.datetime) -> list[Any]:
    """The hidden versions of a name, in every workspace, that came before that moment and that nobody uses. What somebody
    registered under this name and archived has another number than its content."""
    mine = (assets.c.kind == kind) & (assets.c.name == name)
    mine &= versions.c.archived & (versions.c.modified_at < before)
    used = sa.exists().where(uses.c.version_id == versions.c.id)
    query = store.READ.where(mine & ~used).order_by(versions.c.id)
    rows = uow.connection.execute(query)
    return [row for row in rows if row.version == number_of(row.body)]


def sweep(
    uow: db.UnitOfWork,
    caller: callers.Caller,
    noun: nouns.Noun,
    name: str,
    *,
    before: dt.datetime,
    needed: Callable[[str, str], bool],
    dry_run: bool,
) -> list[tuple[str, str]]:
    """Remove what `unused` finds, unless `needed(workspace, subject)`, which is asked when nobody can enter or use one
    any more. Returns workspace and subject of each; a dry run only finds them. For administrators."""
    callers.require(caller, "server/admin", "server")
    if dry_run:
        rows = unused(uow, noun.kind, name, before)
        found = [
            (row.workspace, nouns.Shelf(noun, row.workspace).subject(row.name, row.version)) for row in rows
        ]
        return [one for one in found if not needed(*one)]
    of_name = (assets.c.kind == noun.kind) & (assets.c.name == name)
    uow.connection.execute(sa.select(assets.c.id).where(of_name).order_by(assets.c.id).with_for_update())
    gone = []
    for row in unused(uow, noun.kind, name, before):
        shelf = nouns.Shelf(noun, row.workspace)
        subject = shelf.subject(row.name, row.version)
        if not needed(row.workspace, subject):
            service.remove(uow, caller, shelf, row)
            gone.append((row.workspace, subject))
    return gone
