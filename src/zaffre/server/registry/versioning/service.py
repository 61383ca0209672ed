"""Use cases of a registered version: register, read, find, change what may change, archive, delete.

Called by `models`, `data` and `environments`, which say what their noun demands of content. The content of a version
never changes, its number is never given again, and the fact of each change is written in the same transaction.
"""

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from zaffre.core import clock, errors, names
from zaffre.server import db, events
from zaffre.server.access import callers, workspaces
from zaffre.server.artifacts import service as artifacts
from zaffre.server.registry.versioning import nouns, pointers, searching, store, uses

MAX_LIMIT = 1000


def register(
    uow: db.UnitOfWork, caller: callers.Caller, shelf: nouns.Shelf, draft: nouns.Draft
) -> tuple[nouns.Version, bool]:
    """Register a version; returns it, and whether it is new: one with equal content under the same version is not.

    Raises AlreadyExists when the version has other content, or was deleted.
    """
    callers.require(caller, f"{shelf.kind}/write", shelf.resource(draft.name))
    check_texts([draft.body, draft.tags, draft.properties, draft.description, draft.stage])
    if draft.version is not None:
        known = _known(uow, shelf, draft)
        if known is not None:
            return known, False
    entered = store.count_up(uow, shelf.workspace, shelf.kind, draft.name, version=draft.version)
    number = draft.version or str(entered.counter)
    row = _row(caller, shelf, draft, asset_id=entered.id, identity=entered.newest_id, number=number)
    store.insert_version(uow, row, terms(shelf, draft.tags))
    if draft.hidden:
        store.settle_newest(uow, entered.id)
    _tell_registered(uow, caller, shelf, draft, number)
    return _fresh(row, draft.name, number), True


def get(
    uow: db.UnitOfWork, caller: callers.Caller, shelf: nouns.Shelf, name: str, version: str
) -> nouns.Version:
    """One version, by its number or text, or by `@latest` or `@alias`. Raises NotFound."""
    callers.require(caller, f"{shelf.kind}/read", shelf.resource(name))
    row = find(uow, shelf, name, version)
    return shape(row, pointers.labels(uow, [row.id]).get(row.id, []))


def search(
    uow: db.UnitOfWork, caller: callers.Caller, shelf: nouns.Shelf, query: nouns.Query
) -> tuple[list[nouns.Version], str | None]:
    """A page of matching versions, newest first, and the cursor of the next page."""
    callers.require(caller, f"{shelf.kind}/read", f"workspaces/{shelf.workspace}")
    if not 1 <= query.limit <= MAX_LIMIT:
        raise errors.Invalid(f"limit must be between 1 and {MAX_LIMIT}, not {query.limit}.")
    rows = searching.search(uow, shelf.workspace, shelf.kind, query, before=_before(query.cursor))
    if not rows:
        workspaces.exists(uow, shelf.workspace)
    page = rows[: query.limit]
    labels = pointers.labels(uow, [row.id for row in page])
    found = [shape(row, labels.get(row.id, [])) for row in page if _belongs(row, shelf, query.tags)]
    return found, str(page[-1].id) if len(rows) > query.limit else None


def delete(
    uow: db.UnitOfWork, caller: callers.Caller, shelf: nouns.Shelf, name: str, version: str | None
) -> None:
    """Delete a version, or without one all versions of a name. Raises InUse naming who uses them."""
    callers.require(caller, f"{shelf.kind}/delete", shelf.resource(name))
    if shelf.noun.kept:
        raise errors.Unsupported(
            f"{shelf.word.capitalize()} {name} cannot be deleted: {shelf.noun.kept}.",
            hint=f"Archive it instead: `zaffre {shelf.word} archive -n {name}`.",
        )
    asset = locked(uow, shelf, name)
    doomed = store.all_versions(uow, asset.id) if version is None else [find(uow, shelf, name, version)]
    for row in doomed:
        store.lock_version(uow, row.id, for_use=False)
    uses.refuse_if_used(uow, shelf, doomed)
    for row in doomed:
        remove(uow, caller, shelf, row)
        store.bury(uow, row)
    store.settle_newest(uow, asset.id)


def occupants(uow: db.UnitOfWork, workspace: str) -> list[str]:
    """What keeps a workspace from being deleted; `access.workspaces.Occupants`. Archived things do not."""
    return [f"{row.kind}/{row.name}" for row in store.listed_assets(uow, workspace, limit=100)]


def find(uow: db.UnitOfWork, shelf: nouns.Shelf, name: str, version: str) -> Any:
    """The row of a version, by number or `@label`, for the rooms of the registry. Raises NotFound with what there is."""
    if version.startswith("@"):
        label = names.check_label(version[1:])
        at = (shelf.workspace, shelf.kind, name)
        latest = label.lower() == names.LATEST
        row = store.latest_version(uow, *at) if latest else pointers.version_at(uow, *at, label)
    else:
        row = store.version_by_name(uow, shelf.workspace, shelf.kind, name, version)
    if row is None:
        raise _absent(uow, shelf, name, version)
    return row


def content_of(body: Mapping[str, Any]) -> str:
    """What two versions are compared by: the SHA-256 of the part that never changes."""
    return hashlib.sha256(_text(body).encode()).hexdigest()


def check_texts(values: Any) -> None:
    """Raise Invalid for what no database can keep: NUL and half characters in texts, numbers that are none."""
    try:
        bad = "\\u0000" in _text(values).encode().decode()
    except ValueError:
        bad = True
    if bad:
        raise errors.Invalid(
            "A text holds a NUL or half a character, or a number is not finite.", hint="Leave these out."
        )


def _text(values: Any) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def shape(row: Any, labels: Sequence[str]) -> nouns.Version:
    """A version from its row."""
    latest = [names.LATEST] if row.id == row.latest_id and not row.asset_archived else []
    fields = {field: getattr(row, field) for field in _PLAIN}
    hidden = bool(row.archived or row.asset_archived)
    return nouns.Version(**fields, archived=hidden, labels=(*latest, *labels))


_PLAIN = tuple(
    field.name for field in dataclasses.fields(nouns.Version) if field.name not in ("archived", "labels")
)


def _known(uow: db.UnitOfWork, shelf: nouns.Shelf, draft: nouns.Draft) -> nouns.Version | None:
    """The version of that number, if its content is equal. Holds the name's lock from here on."""
    number = names.check_version(draft.version or "")
    store.ensure_asset(uow, shelf.workspace, shelf.kind, draft.name)
    asset = store.lock_asset(uow, shelf.workspace, shelf.kind, draft.name)
    assert asset is not None
    row = store.version(uow, asset.id, number)
    if row is None:
        if store.was_deleted(uow, asset.id, number):
            raise errors.AlreadyExists(
                f"{words(shelf, draft.name, number)} was deleted; its number is not given again.",
                hint="Leave the version out to get the next number.",
            )
        return None
    if row.content != content_of(draft.body):
        raise errors.AlreadyExists(
            f"{words(shelf, draft.name, number)} exists with other content, and a version never changes.",
            hint="Register a new version: leave the version out, or give another.",
        )
    return shape(row, pointers.labels(uow, [row.id]).get(row.id, []))


def _row(
    caller: callers.Caller,
    shelf: nouns.Shelf,
    draft: nouns.Draft,
    *,
    asset_id: int,
    identity: int,
    number: str,
) -> dict[str, Any]:
    now = clock.now()
    given = {field: getattr(draft, field) for field in ("body", "type", "stage", "description", "tags", "properties", "facts")}  # fmt: skip
    stamps = {"created_at": now, "created_by": caller.name, "modified_at": now, "modified_by": caller.name}
    place = {
        "id": identity,
        "asset_id": asset_id,
        "workspace": shelf.workspace,
        "kind": shelf.kind,
        "version": number,
    }
    return {
        **place,
        **given,
        **stamps,
        "content": content_of(draft.body),
        "lock": None,
        "archived": draft.hidden,
        "revision": 0,
    }


def _fresh(row: Mapping[str, Any], name: str, number: str) -> nouns.Version:
    fields = {field: row[field] for field in _PLAIN if field in row}
    labels = () if row["archived"] else (names.LATEST,)
    return nouns.Version(**fields, name=name, latest_version=number, archived=row["archived"], labels=labels)


def _tell_registered(
    uow: db.UnitOfWork,
    caller: callers.Caller,
    shelf: nouns.Shelf,
    draft: nouns.Draft,
    number: str,
) -> None:
    event = shelf.noun.registered(
        name=draft.name,
        version=number,
        asset_type=draft.type,
        manifest_digest=draft.facts.get("manifest_digest") or "",
        size=draft.facts.get("size") or 0,
        tags=draft.tags,
    )
    subject = shelf.subject(draft.name, number)
    events.append(uow, caller, event, workspace=shelf.workspace, subject=subject)


def remove(uow: db.UnitOfWork, caller: callers.Caller, shelf: nouns.Shelf, row: Any) -> None:
    """Remove a version that is locked and unused, with what points at it; for the rooms of the registry."""
    subject = shelf.subject(row.name, row.version)
    store.drop_terms(uow, row.id, terms(shelf, row.tags))
    pointers.drop_aliases(uow, row, time=clock.now(), actor=caller.name, reason=caller.reason)
    store.delete_version(uow, row)
    artifacts.release(uow, shelf.workspace, subject)
    event = shelf.noun.deleted(name=row.name, version=row.version)
    events.append(uow, caller, event, workspace=shelf.workspace, subject=subject)


def terms(shelf: nouns.Shelf, tags: Mapping[str, str]) -> set[int]:
    return {store.term(shelf.workspace, shelf.kind, key, value) for key, value in tags.items()}


def _belongs(row: Any, shelf: nouns.Shelf, tags: Sequence[tuple[str, str]]) -> bool:
    # Tags are found by a hash of workspace, kind, name and value; what it could confuse is told apart here.
    mine = row.workspace == shelf.workspace and row.kind == shelf.kind
    return mine and all(row.tags.get(key) == value for key, value in tags)


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    # The databases' whole numbers have 63 bits and a sign.
    if not (cursor.isascii() and cursor.isdigit() and len(cursor) <= 19 and int(cursor) < 1 << 63):
        raise errors.Invalid("The cursor is not one that a page gave.", hint="Start again without it.")
    return int(cursor)


def locked(uow: db.UnitOfWork, shelf: nouns.Shelf, name: str) -> Any:
    row = store.lock_asset(uow, shelf.workspace, shelf.kind, name)
    if row is None or not store.all_versions(uow, row.id):
        raise _absent(uow, shelf, name, "")
    return row


def _absent(uow: db.UnitOfWork, shelf: nouns.Shelf, name: str, version: str) -> errors.NotFound:
    workspaces.exists(uow, shelf.workspace)
    asset = store.asset(uow, shelf.workspace, shelf.kind, name)
    if asset is None or asset.latest_version is None:
        hint = f"`zaffre {shelf.word} list` shows what there is."
    else:
        hint = f"The latest version is {asset.latest_version}."
    shown = f"{name}{version if version.startswith('@') else ':' + version}" if version else name
    return errors.NotFound(f"There is no {shelf.word} {shown} in workspace {shelf.workspace}.", hint=hint)


def words(shelf: nouns.Shelf, name: str, version: str) -> str:
    return f"{shelf.word.capitalize()} {name}:{version}"
