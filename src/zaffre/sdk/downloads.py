"""All files of a version onto the local disk: several at once, resumed, verified, never outside the target.

The manifest comes from a server and is not trusted: its names are checked again, and links that lie in the target
already are not followed.
"""

import concurrent.futures
import hashlib
from pathlib import Path
from typing import BinaryIO

from zaffre.contracts import manifests
from zaffre.core import errors
from zaffre.sdk import bundles, local_files, transport

_AT_ONCE = 4
_ATTEMPTS = 5


def download(
    wire: transport.Transport,
    workspace: str,
    address: str,
    target: Path,
    *,
    what: str,
    listener: bundles.Listener | None = None,
) -> list[Path]:
    """Writes the files at an address below `target` under their own names; returns them. Raises NotFound, Invalid."""
    place = manifests.parse_address(address)
    document = wire.get(f"/api/v1/workspaces/{transport.segment(workspace)}/trees/{place.digest}")
    manifest = manifests.Manifest.parse({"files": document["files"]})
    if manifest.digest != place.digest:
        raise errors.Invalid(f"{what}: the server's list of files is not the one that was registered.")
    entries = manifest.below(place.path)
    target.mkdir(parents=True, exist_ok=True)
    root = target.resolve()
    if listener:
        listener.begin(f"downloading {what}", sum(entry.size for entry in entries))
    with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
        jobs = [pool.submit(_fetch, wire, entry, root, listener) for entry in entries]
        try:
            written = [job.result() for job in jobs]
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if listener:
        listener.end()
    return written


def _fetch(
    wire: transport.Transport, entry: manifests.FileEntry, root: Path, listener: bundles.Listener | None
) -> Path:
    final = _place(root, entry.path)
    draft = final.with_name(f".{final.name[:100]}.{entry.digest[:16]}.part")
    for attempt in range(_ATTEMPTS):
        try:
            _append(wire, entry, draft, listener)
            break
        except errors.Unavailable:
            if attempt + 1 == _ATTEMPTS:
                raise
    draft.replace(final)
    return final


def _append(
    wire: transport.Transport, entry: manifests.FileEntry, draft: Path, listener: bundles.Listener | None
) -> None:
    """Gets what is still missing of a file and verifies the whole."""
    hasher = hashlib.sha256()
    have = _rehash(draft, hasher)
    if have > entry.size:
        draft.unlink()
        hasher, have = hashlib.sha256(), 0
    if have < entry.size or entry.size == 0:
        headers = {"accept-encoding": "identity", **({"range": f"bytes={have}-"} if have else {})}
        with (
            wire.stream("GET", f"/api/v1/artifacts/blobs/{entry.digest}", headers=headers) as response,
            _open_draft(draft, fresh=response.status_code != 206) as file,
        ):
            if response.status_code != 206:
                hasher = hashlib.sha256()
            for piece in transport.pieces(response):
                hasher.update(piece)
                file.write(piece)
                if listener:
                    listener.advance(len(piece))
    if hasher.hexdigest() != entry.digest:
        size = draft.stat().st_size
        if size < entry.size:
            raise errors.Unavailable(
                f"{entry.path}: the connection ended after {size} of {entry.size} bytes."
            )
        draft.unlink()
        raise errors.Invalid(
            f"{entry.path}: what came is not what was registered (its SHA-256 differs).",
            hint="Download it again.",
        )


def _rehash(draft: Path, hasher: "hashlib._Hash") -> int:
    if draft.is_symlink() or not draft.is_file():
        draft.unlink(missing_ok=True)
        return 0
    with draft.open("rb") as file:
        while piece := file.read(local_files.PIECE):
            hasher.update(piece)
        return file.tell()


def _open_draft(draft: Path, *, fresh: bool) -> BinaryIO:
    return draft.open("wb" if fresh else "ab")


def _place(root: Path, name: str) -> Path:
    """Where a file of the manifest goes; its folders are made. Raises Invalid when that would be outside."""
    final = root / manifests.check_name(name)
    for folder in [*reversed(final.relative_to(root).parents)][1:]:
        here = root / folder
        if here.is_symlink() and not here.resolve().is_relative_to(root):
            raise errors.Invalid(
                f"{here} is a link that leads out of {root}.", hint="Choose an empty folder to download to."
            )
        here.mkdir(exist_ok=True)
    if final.is_dir() and not final.is_symlink():
        raise errors.Invalid(f"{final} is a folder; a file of that name is to be written.", hint="Remove it.")
    return final
