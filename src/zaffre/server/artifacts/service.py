"""Use cases of the artifacts room: bytes in and out, trees, and holds on trees.

Faces stream the bytes; this module decides who may see what and what a database must remember. A digest alone opens
nothing: a caller sees the blobs that it brought itself and those in trees of workspaces that it may read.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zaffre.contracts import manifests
from zaffre.core import clock, errors
from zaffre.server import db
from zaffre.server.access import callers, workspaces
from zaffre.server.artifacts import ports, store, uploads

MAX_DIGESTS = 10_000
_BATCH = 500
_PIECE = 1 << 20


@dataclasses.dataclass(frozen=True)
class Room:
    """What the room stands on: where blobs are kept, where uploads wait, how large a file may be."""

    store: ports.BlobStore
    incoming: uploads.Incoming
    max_upload_bytes: int = 1 << 40


@dataclasses.dataclass(frozen=True)
class Missing:
    """Content that must be uploaded, and how many bytes of it arrived before."""

    digest: str
    received: int


@dataclasses.dataclass(frozen=True)
class Draft:
    """A large file of which its owner knows the sample and not the digest: how many bytes of it arrived before, and
    whether content with its sample is here, so that the digest is worth counting before anything is sent."""

    sample: str
    received: int
    known: bool


@dataclasses.dataclass(frozen=True)
class File:
    """One file of a tree."""

    path: str
    size: int
    digest: str


@dataclasses.dataclass(frozen=True)
class Place:
    """What an address points at: a tree, and its files there."""

    tree_id: int
    digest: str
    files: tuple[File, ...]


def missing(uow: db.UnitOfWork, caller: callers.Caller, room: Room, digests: Sequence[str]) -> list[Missing]:
    """Which of these contents must be uploaded. The others are safe from collection for the grace period."""
    _require_somewhere(caller, "artifacts/write")
    if len(digests) > MAX_DIGESTS:
        raise errors.TooLarge(f"At most {MAX_DIGESTS} digests can be asked for at once, not {len(digests)}.")
    wanted = list(dict.fromkeys(digests))
    there = _visible(uow, caller, wanted)
    _touch(uow, list(there))
    return [
        Missing(digest, room.incoming.received(caller.identity, digest))
        for digest in wanted
        if digest not in there
    ]


def drafts(uow: db.UnitOfWork, caller: callers.Caller, room: Room, samples: Sequence[str]) -> list[Draft]:
    """What is known of large files before their digests are."""
    _require_somewhere(caller, "artifacts/write")
    if len(samples) > MAX_DIGESTS:
        raise errors.TooLarge(f"At most {MAX_DIGESTS} samples can be asked for at once, not {len(samples)}.")
    wanted, known = list(dict.fromkeys(samples)), set[str]()
    workspaces = _workspaces(caller, "artifacts/read")
    for at in range(0, len(wanted), _BATCH):
        batch = wanted[at : at + _BATCH]
        known |= store.visible_samples(uow, batch, owner=caller.identity, workspaces=workspaces)
    return [
        Draft(sample, room.incoming.received(caller.identity, sample), known=sample in known)
        for sample in wanted
    ]


def begin_draft(caller: callers.Caller) -> None:
    """As `begin_upload`, where the digest is found on the way: there is nothing to announce yet."""
    _require_somewhere(caller, "artifacts/write")


def finish_draft(database: db.Database, caller: callers.Caller, room: Room, upload: uploads.Upload) -> None:
    """Move what came to the store under the digest that it has. Raises Unavailable."""
    upload.verify()
    with database.write() as uow:
        begin_upload(uow, caller, upload.digest)
    finish_upload(database, caller, room, upload)


def begin_upload(uow: db.UnitOfWork, caller: callers.Caller, digest: str) -> None:
    """Announce an upload, before its bytes are taken in."""
    _require_somewhere(caller, "artifacts/write")
    store.announce_blob(uow, digest, clock.now())


def finish_upload(database: db.Database, caller: callers.Caller, room: Room, upload: uploads.Upload) -> None:
    """Verify what came, move it to the store and remember it. Raises Invalid (other bytes), Unavailable."""
    upload.verify()
    facts: dict[str, Any] = {"size": upload.size, "sample": upload.sample()}
    try:
        room.store.adopt(upload.digest, upload.file)
    finally:
        upload.pause()
    with database.write() as uow:
        if not store.mark_stored(
            uow, upload.digest, facts={**facts, "touched_at": clock.now()}, owner=caller.identity
        ):
            raise errors.Conflict(
                f"The upload of {upload.digest} took longer than collection waits.", hint="Upload it again."
            )


def adopt(database: db.Database, caller: callers.Caller, room: Room, file: Path) -> tuple[str, int]:
    """Take a file of the server's own into the store; returns its digest and size. The file itself stays."""
    digest, size = _digest(file)
    with database.write() as uow:
        begin_upload(uow, caller, digest)
    upload = uploads.Upload(
        room.incoming, caller.identity, digest, offset=0, total=size, limit=room.max_upload_bytes
    )
    with file.open("rb") as stream:
        while piece := stream.read(_PIECE):
            upload.write(piece)
    finish_upload(database, caller, room, upload)
    return digest, size


def _digest(file: Path) -> tuple[str, int]:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest(), file.stat().st_size


def blob_size(uow: db.UnitOfWork, caller: callers.Caller, digest: str) -> int:
    """The size of a blob that the caller may read. Raises NotFound, also for what others alone can see."""
    there = store.visible_blobs(
        uow, [digest], owner=caller.identity, workspaces=_workspaces(caller, "artifacts/read")
    )
    if digest not in there:
        raise errors.NotFound(f"There is no content {digest} that {caller.name} can read.")
    return there[digest]


def create_tree(
    uow: db.UnitOfWork, caller: callers.Caller, workspace: str, manifest: manifests.Manifest
) -> str:
    """Store a manifest; returns its address. Raises Invalid when a content is missing or has another size."""
    callers.require(caller, "artifacts/write", f"workspaces/{workspace}")
    workspaces.exists(uow, workspace)
    now = clock.now()
    _demand_contents(uow, caller, manifest)
    row = {"workspace": workspace, "digest": manifest.digest, "size": manifest.size}
    stamps = {"created_at": now, "created_by": caller.name, "touched_at": now}
    tree_id = store.insert_tree(uow, {**row, **stamps})
    store.insert_files(uow, tree_id, [entry.model_dump() for entry in manifest.files])
    return manifests.address(manifest.digest)


def tree(uow: db.UnitOfWork, caller: callers.Caller, workspace: str, digest: str) -> manifests.Manifest:
    """The manifest of a stored tree. Raises NotFound."""
    callers.require(caller, "artifacts/read", f"workspaces/{workspace}")
    row = store.tree(uow, workspace, digest)
    if row is None:
        raise _no_tree(digest)
    return _manifest(store.files(uow, row.id))


def find(uow: db.UnitOfWork, workspace: str, address: str) -> Place:
    """The files at an address, safe from collection until this transaction ends. For rooms above, which authorise.

    Raises Invalid when the address is none, NotFound when there is no such tree, or nothing in it at that path.
    """
    wanted = manifests.parse_address(address)
    found = store.lock_files(uow, workspace, wanted.digest, wanted.path)
    if not found:
        row = store.tree(uow, workspace, wanted.digest)
        if row is None or not wanted.path:
            raise _no_tree(wanted.digest) if row is None else _empty_tree(wanted.digest)
        raise errors.NotFound(f"The tree {wanted.digest} has no file or folder {wanted.path!r}.")
    files = tuple(File(row.path, row.size, row.digest) for row in found)
    return Place(tree_id=found[0].id, digest=wanted.digest, files=files)


def hold(uow: db.UnitOfWork, place: Place, holder: str) -> None:
    """Let `holder` (`models/churn:3`, `revisions/r12ab`) keep a tree from collection until it is released."""
    store.hold(uow, place.tree_id, holder)


def release(uow: db.UnitOfWork, workspace: str, holder: str) -> None:
    """End everything that `holder` keeps in the workspace."""
    store.release(uow, workspace, holder)


def _demand_contents(uow: db.UnitOfWork, caller: callers.Caller, manifest: manifests.Manifest) -> None:
    digests = manifest.digests()
    there = _visible(uow, caller, digests)
    absent = [digest for digest in digests if digest not in there]
    if not absent:
        absent = [] if _touch(uow, digests) == len(digests) else digests
    if absent:
        raise errors.Invalid(
            f"{len(absent)} of the manifest's contents are not here.",
            hint="Ask /artifacts/missing which, upload them, then store the manifest again.",
            missing=absent[:1000],
        )
    for entry in manifest.files:
        if there[entry.digest] != entry.size:
            raise errors.Invalid(f"{entry.path!r} has {there[entry.digest]} bytes, not {entry.size}.")


def _visible(uow: db.UnitOfWork, caller: callers.Caller, digests: Sequence[str]) -> dict[str, int]:
    workspaces = _workspaces(caller, "artifacts/read")
    there: dict[str, int] = {}
    for at in range(0, len(digests), _BATCH):
        batch = digests[at : at + _BATCH]
        there.update(store.visible_blobs(uow, batch, owner=caller.identity, workspaces=workspaces))
    return there


def _touch(uow: db.UnitOfWork, digests: Sequence[str]) -> int:
    ordered, now = sorted(digests), clock.now()
    return sum(
        store.touch_blobs(uow, ordered[at : at + _BATCH], now) for at in range(0, len(ordered), _BATCH)
    )


def _workspaces(caller: callers.Caller, permission: str) -> set[str] | None:
    """Where the caller's grants cover the permission; None means everywhere."""
    if callers.allowed(caller, permission, "workspaces"):
        return None
    named = {grant.workspace for grant in caller.grants if grant.workspace != "*"}
    return {name for name in named if callers.allowed(caller, permission, f"workspaces/{name}")}


def _require_somewhere(caller: callers.Caller, permission: str) -> None:
    workspaces = _workspaces(caller, permission)
    if workspaces is not None and not workspaces:
        callers.require(caller, permission, "workspaces")


def _manifest(rows: Sequence[object]) -> manifests.Manifest:
    return manifests.Manifest.of(_entries(rows))


def _entries(rows: Sequence[object]) -> list[manifests.FileEntry]:
    return [manifests.FileEntry(path=row.path, size=row.size, digest=row.digest) for row in rows]  # type: ignore[attr-defined]


def _empty_tree(digest: str) -> errors.Invalid:
    return errors.Invalid(f"The tree {digest} is empty.", hint="Look at the path that it was made from.")


def _no_tree(digest: str) -> errors.NotFound:
    return errors.NotFound(
        f"There is no tree {digest} in this workspace.", hint="Store its manifest again (POST .../trees)."
    )
