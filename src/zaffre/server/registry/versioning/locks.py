"""The lock of an environment version: a long text that is written once, beside the version. Called by `environments`."""

from collections.abc import Mapping
from typing import Any

from zaffre.core import errors
from zaffre.server import db
from zaffre.server.registry.versioning import nouns, service, store


def set_once(
    uow: db.UnitOfWork,
    shelf: nouns.Shelf,
    name: str,
    version: str,
    *,
    text: str,
    digest: str,
    facts: Mapping[str, Any],
) -> None:
    """Keep the lock. Raises Conflict when the version has another already."""
    store.lock_asset(uow, shelf.workspace, shelf.kind, name)
    row = service.find(uow, shelf, name, version)
    known = row.facts.get("lock_digest")
    if known is None:
        facts = {**row.facts, **facts, "lock_digest": digest}
        service.check_texts(facts)
        store.set_lock(uow, row.id, text, facts)
    elif known != digest:
        raise errors.Conflict(
            f"{service.words(shelf, name, row.version)} has another lock already, and a lock is made once.",
            hint="Register a new version to solve it again.",
        )


def read(uow: db.UnitOfWork, version_id: int) -> str | None:
    """The stored lock of a version, if it has one yet."""
    return store.lock_text(uow, version_id)


def copy(uow: db.UnitOfWork, source: nouns.Version, target: nouns.Version) -> None:
    """Give a new version the lock of another."""
    text = store.lock_text(uow, source.id)
    if text is not None:
        store.set_lock(uow, target.id, text, source.facts)
