"""What may change of a registered version: tags, more properties, description, stage, and whether it is archived.

Called by `models`, `data` and `environments`. Content never changes; see `service`.
"""

from collections.abc import Mapping
from typing import Any

from zaffre.core import clock, errors
from zaffre.server import db, events
from zaffre.server.access import callers
from zaffre.server.registry.versioning import nouns, service, store

_CHANGEABLE = ("tags", "properties", "description", "stage", "archived")


def update(
    uow: db.UnitOfWork,
    caller: callers.Caller,
    shelf: nouns.Shelf,
    name: str,
    *,
    version: str,
    changes: Mapping[str, Any],
    if_match: str | None = None,
    replacing: str | None = None,
) -> nouns.Version:
    """Change what may change: tags as a whole, more properties, description, stage, archived. Raises Conflict.

    `replacing` is for what the server itself finds out about a version: the properties whose names begin so are taken away
    for the new ones.
    """
    callers.require(caller, f"{shelf.kind}/write", shelf.resource(name))
    # Whoever changes any version holds the lock of the name.
    store.lock_asset(uow, shelf.workspace, shelf.kind, name)
    row = service.find(uow, shelf, name, version)
    before = service.shape(row, [])
    if if_match not in (None, "*", before.etag):
        raise errors.Conflict(
            f"{service.words(shelf, name, row.version)} was changed by somebody else meanwhile.",
            hint="Read it again, then repeat the change.",
        )
    wanted = _checked(shelf, changes)
    if "properties" in wanted:
        wanted["properties"] = _added(shelf, before, wanted["properties"], replacing=replacing)
    changed = _changed(before, wanted, hidden=bool(row.archived))
    if changed:
        _apply(uow, caller, shelf, row, changed)
    return service.get(uow, caller, shelf, name, row.version)


def archive(
    uow: db.UnitOfWork, caller: callers.Caller, shelf: nouns.Shelf, name: str, *, archived: bool
) -> None:
    """Hide a whole name from lists, or show it again; its versions stay usable by number."""
    callers.require(caller, f"{shelf.kind}/write", shelf.resource(name))
    row = service.locked(uow, shelf, name)
    if bool(row.archived) == archived:
        return
    store.set_asset(uow, row.id, {"archived": archived})
    kind = shelf.noun.archived if archived else shelf.noun.restored
    events.append(uow, caller, kind(name=name), workspace=shelf.workspace, subject=shelf.subject(name))


def _checked(shelf: nouns.Shelf, changes: Mapping[str, Any]) -> dict[str, Any]:
    for key, value in changes.items():
        if key not in _CHANGEABLE:
            raise errors.Invalid(
                f"{key!r} of a {shelf.word} version never changes.",
                hint=f"Change {', '.join(_CHANGEABLE)}; for anything else register a new version.",
            )
        if key in ("tags", "properties"):
            good = isinstance(value, dict) and all(isinstance(item, str) for item in value.values())
        elif key == "archived":
            good = isinstance(value, bool)
        else:
            good = value is None or isinstance(value, str)
        if not good:
            raise errors.Invalid(f"{key} has the wrong type.", hint="tags and properties map texts to texts.")
    service.check_texts(changes)
    return dict(changes)


def _changed(before: nouns.Version, changes: dict[str, Any], *, hidden: bool) -> dict[str, Any]:
    """What of the changes is really another value."""
    now = {**{key: getattr(before, key) for key in _CHANGEABLE}, "archived": hidden}
    return {key: value for key, value in changes.items() if now[key] != value}


def _apply(
    uow: db.UnitOfWork, caller: callers.Caller, shelf: nouns.Shelf, row: Any, changed: dict[str, Any]
) -> None:
    if "tags" in changed:
        old, new = service.terms(shelf, row.tags), service.terms(shelf, changed["tags"])
        store.drop_terms(uow, row.id, old - new)
        store.add_terms(uow, row.id, new - old)
    stamps = {"modified_at": clock.now(), "modified_by": caller.name}
    store.update_version(uow, row.id, {**changed, **stamps})
    subject = shelf.subject(row.name, row.version)
    archived = changed.pop("archived", None)
    if archived is not None:
        store.settle_newest(uow, row.asset_id)
        kind = shelf.noun.archived if archived else shelf.noun.restored
        event = kind(name=row.name, version=row.version)
        events.append(uow, caller, event, workspace=shelf.workspace, subject=subject)
    if changed:
        event = shelf.noun.updated(name=row.name, version=row.version, changes=changed)
        events.append(uow, caller, event, workspace=shelf.workspace, subject=subject)


def _added(
    shelf: nouns.Shelf, before: nouns.Version, given: Mapping[str, str], *, replacing: str | None
) -> dict[str, str]:
    kept = {
        key: value
        for key, value in before.properties.items()
        if replacing is None or not key.startswith(replacing)
    }
    for key, value in given.items():
        if kept.get(key, value) != value:
            raise errors.AlreadyExists(
                f"Property {key!r} of {service.words(shelf, before.name, before.version)} is {before.properties[key]!r} and stays so.",
                hint="Properties can be added, not changed; use a tag for what changes.",
            )
    return {**kept, **given}
