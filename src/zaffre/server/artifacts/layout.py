"""Lays the files of a tree out in a folder, for replicas and downloads on this machine.

Files are hard links to the blobs where the disk allows, copies elsewhere; read-only either way. The folder appears
whole or not at all, and a folder that is there already is taken as it is.
"""

import os
import secrets
import shutil
from pathlib import Path

from zaffre.contracts import manifests
from zaffre.core import errors
from zaffre.server.artifacts import disk, ports


def lay_out(store: ports.BlobStore, manifest: manifests.Manifest, target: Path) -> Path:
    """Make `target` a folder with the manifest's files. Safe to repeat and to race. Raises Invalid, Unavailable."""
    if target.is_dir():
        return target
    draft = target.with_name(f".{target.name}.{secrets.token_hex(6)}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _fill(store, manifest, draft)
        draft.rename(target)
    except OSError as error:
        if not target.is_dir():
            raise disk.unavailable(error) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def _fill(store: ports.BlobStore, manifest: manifests.Manifest, draft: Path) -> None:
    draft.mkdir()
    draft.chmod(0o755)
    made = {draft}
    for entry in manifest.files:
        # Checked when the tree was stored; a name becomes a path here, so it is checked here too.
        file = draft / manifests.check_name(entry.path)
        if not file.is_relative_to(draft):
            raise errors.Invalid(f"The file name {entry.path!r} leaves its folder.")
        _make_folders(file.parent, made)
        store.place(entry.digest, file)


def _make_folders(folder: Path, made: set[Path]) -> None:
    if folder in made:
        return
    _make_folders(folder.parent, made)
    os.mkdir(folder)  # noqa: PTH102  Path.mkdir would accept what is there already
    folder.chmod(0o755)
    made.add(folder)
