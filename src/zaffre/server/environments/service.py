"""Locks as they are kept: found, stored once, shown, forgotten. Solving and building happen in `workshop`.

A subject is what was locked: `environments/sk:1`, or `definitions/<digest>` for an inline, curated or no-code one.
"""

import datetime as dt
from collections.abc import Callable, Sequence

from zaffre.contracts import envelopes
from zaffre.contracts import environment as contract
from zaffre.contracts import events as catalogue
from zaffre.core import clock
from zaffre.server import access, db, events
from zaffre.server.environments import definitions, locks, store
from zaffre.server.registry.environments import service as environments

_DEFINITIONS = "definitions/"


def subject_of(name: str, version: str) -> str:
    """The subject of a registered version."""
    return f"environments/{name}:{version}"


def subject_of_definition(definition: definitions.Definition) -> str:
    """The subject of a definition that nobody registered."""
    return f"{_DEFINITIONS}{definition.digest}"


def find(uow: db.UnitOfWork, caller: access.Caller, workspace: str, subject: str) -> locks.Lock | None:
    """The lock of a subject, if it was made."""
    access.require(caller, "environments/read", f"workspaces/{workspace}/{subject}")
    content = store.content(uow, workspace, subject)
    return locks.Lock.from_json(content) if content else None


def keep(
    uow: db.UnitOfWork, caller: access.Caller, workspace: str, subject: str, lock: locks.Lock
) -> locks.Lock:
    """Store the lock of a subject; when there is one already, that one stays and is returned."""
    access.require(caller, "environments/write", f"workspaces/{workspace}/{subject}")
    if not store.insert(uow, workspace, subject, digest=lock.digest, content=lock.to_json(), now=clock.now()):
        return find(uow, caller, workspace, subject) or lock
    name, _, version = subject.partition("/")[2].rpartition(":")
    event = catalogue.EnvironmentLocked(
        name=name, version=version, lock_digest=lock.digest, python=lock.python
    )
    events.append(uow, caller, event, workspace=workspace, subject=subject)
    return lock


def forget(uow: db.UnitOfWork, told: Sequence[envelopes.Envelope]) -> None:
    """A subscriber of events: drops the locks of versions that were deleted. What was built goes with the next `pruning`."""
    for envelope in told:
        if envelope.type == catalogue.EnvironmentDeleted.__name__:
            store.drop(uow, envelope.workspace, envelope.subject)


def sweep(
    uow: db.UnitOfWork,
    caller: access.Caller,
    *,
    before: dt.datetime,
    needed: Callable[[str, str], bool],
    dry_run: bool,
) -> list[tuple[str, str]]:
    """Drop the locks of definitions that nobody registered, made before that moment and not `needed(workspace, digest)`.
    Returns workspace and subject of each; a dry run only finds them."""
    access.require(caller, "server/admin", "server")
    found = store.unregistered(uow, _DEFINITIONS, before, lock=not dry_run)
    going = [(row.workspace, row.subject) for row in found if not needed(row.workspace, row.digest)]
    for workspace, subject in going if not dry_run else ():
        store.drop(uow, workspace, subject)
    return going


def registered_digests(uow: db.UnitOfWork, caller: access.Caller) -> set[str]:
    """The digest of every lock of a version that somebody registered: what is built from it waits for its next use."""
    access.require(caller, "server/admin", "server")
    return store.digests(uow, under="environments/", but=f"environments/{environments.ANONYMOUS}:")


def show(lock: locks.Lock | None, status: contract.EnvironmentStatus) -> contract.EnvironmentStatus:
    """The status of an environment version with what its lock says."""
    if lock is None:
        return status
    return status.model_copy(
        update={
            "lock_digest": lock.digest, "python": lock.python, "stand_in": lock.stand_in, "notes": list(lock.notes),
            "source": lock.source, "image": lock.image,
        }
    )  # fmt: skip
