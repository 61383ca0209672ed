"""Aliases: names that people move from version to version (`champion`), each with its history. `latest` is computed."""

import dataclasses
from typing import Any

from zaffre.contracts import events as catalogue
from zaffre.core import clock, errors, names
from zaffre.server import db, events
from zaffre.server.access import callers
from zaffre.server.registry.versioning import nouns, pointers, service, store


def move(
    uow: db.UnitOfWork,
    caller: callers.Caller,
    shelf: nouns.Shelf,
    name: str,
    alias: str,
    *,
    version: str,
) -> dict[str, Any]:
    """Point an alias at a version (or at where `@other` points now). Raises NotFound."""
    callers.require(caller, f"{shelf.kind}/write", shelf.resource(name))
    names.check_alias(alias)
    asset = _locked(uow, shelf, name)
    row = service.find(uow, shelf, name, version)
    # The alias must not end up on a version that goes at the same moment.
    if not store.lock_version(uow, row.id, for_use=True):
        raise errors.NotFound(f"There is no {shelf.word} {name}:{row.version} any more.")
    before = pointers.alias(uow, asset.id, alias)
    if before is None or before.version_id != row.id:
        _moved(uow, caller, shelf, name, asset.id, alias=alias, before=before, after=row)
    return {"alias": alias, "version": row.version}


def remove(uow: db.UnitOfWork, caller: callers.Caller, shelf: nouns.Shelf, name: str, alias: str) -> None:
    """End an alias; its history stays. Raises NotFound."""
    callers.require(caller, f"{shelf.kind}/write", shelf.resource(name))
    asset = _locked(uow, shelf, name)
    before = pointers.alias(uow, asset.id, alias)
    if before is None:
        raise errors.NotFound(f"{shelf.word.capitalize()} {name} has no alias {alias!r}.")
    _moved(uow, caller, shelf, name, asset.id, alias=alias, before=before, after=None)


def list_all(
    uow: db.UnitOfWork, caller: callers.Caller, shelf: nouns.Shelf, name: str
) -> list[dict[str, Any]]:
    """The aliases of a name and where they point; `latest` comes first."""
    callers.require(caller, f"{shelf.kind}/read", shelf.resource(name))
    asset = _found(store.asset(uow, shelf.workspace, shelf.kind, name), shelf, name)
    latest = [{"alias": names.LATEST, "version": asset.latest_version}] if asset.latest_version else []
    return latest + [
        {"alias": row.alias, "version": row.version} for row in pointers.all_aliases(uow, asset.id)
    ]


def history(
    uow: db.UnitOfWork, caller: callers.Caller, shelf: nouns.Shelf, name: str, alias: str
) -> list[dict[str, Any]]:
    """Where an alias pointed, newest first, with who moved it and why."""
    callers.require(caller, f"{shelf.kind}/read", shelf.resource(name))
    asset = _found(store.asset(uow, shelf.workspace, shelf.kind, name), shelf, name)
    return [
        {
            "version": row.version,
            "previous": row.previous,
            "time": clock.isoformat(row.time),
            "actor": row.actor,
            "reason": row.reason,
        }
        for row in pointers.alias_history(uow, asset.id, alias)
    ]


def take_over(
    uow: db.UnitOfWork,
    caller: callers.Caller,
    shelf: nouns.Shelf,
    version: nouns.Version,
    aliases: tuple[str, ...],
) -> nouns.Version:
    """Point the aliases that a file names at the version that was registered from it; returns it with them."""
    for alias in aliases:
        move(uow, caller, shelf, version.name, alias, version=version.version)
    return dataclasses.replace(version, labels=tuple(dict.fromkeys((*version.labels, *aliases))))


def _moved(
    uow: db.UnitOfWork,
    caller: callers.Caller,
    shelf: nouns.Shelf,
    name: str,
    asset_id: int,
    *,
    alias: str,
    before: Any,
    after: Any,
) -> None:
    previous, version = before and before.version, after and after.version
    record = {"asset_id": asset_id, "alias": alias, "version": version, "previous": previous}
    stamps = {"time": clock.now(), "actor": caller.name, "reason": caller.reason}
    pointers.move_alias(uow, {**record, **stamps}, version_id=after and after.id)
    event = catalogue.AliasMoved(kind=shelf.kind, name=name, alias=alias, version=version, previous=previous)
    events.append(uow, caller, event, workspace=shelf.workspace, subject=shelf.subject(name))


def _locked(uow: db.UnitOfWork, shelf: nouns.Shelf, name: str) -> Any:
    return _found(store.lock_asset(uow, shelf.workspace, shelf.kind, name), shelf, name)


def _found(row: Any, shelf: nouns.Shelf, name: str) -> Any:
    if row is None:
        raise errors.NotFound(
            f"There is no {shelf.word} {name}.", hint=f"`zaffre {shelf.word} list` shows what there is."
        )
    return row
