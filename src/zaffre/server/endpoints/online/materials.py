"""Code and models of a revision as files on disk, laid out as scoring scripts expect them.

    <folder>/<set>/code/...                                the code folder's content
    <folder>/<set>/models/<name>/<version>/<own name>/...  each model; the registered file or folder keeps its name
    <folder>/<set>/begun/                                  the only one that the set's processes write to

A set's folder appears by one rename when it is complete. Files are read-only and may be shared with the blob store;
folders are 0755 because replicas run as another user; the folder above is the server's alone.
"""

import dataclasses
import secrets
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from zaffre.contracts import manifests
from zaffre.server.artifacts import placing

Check = Callable[[], None]
"""Raises when nobody wants it any more."""
Tree = Callable[[str], manifests.Manifest]
"""Gives the manifest of a tree by its digest."""


@dataclasses.dataclass(frozen=True)
class Materials:
    """Where things lie. `models` is the folder of all models, each below its name and version."""

    folder: Path
    code: Path | None
    models: Path

    @property
    def begun(self) -> Path:
        """Where the processes of the set tell each other what they are at."""
        return self.folder / "begun"


def layout(folder: Path, replicas: str, resolved: dict[str, Any]) -> Materials:
    """Where the materials of a set are, once placed."""
    root = folder / replicas
    return Materials(root, root / "code" if resolved["code"] else None, root / "models")


def place(
    folder: Path,
    replicas: str,
    resolved: dict[str, Any],
    *,
    tree: Tree,
    blobs: placing.Placer,
    check: Check = lambda: None,
) -> Materials:
    """Put everything on disk, unless it is there. Raises as the blob store does, and what `check` raises; nothing is left then."""
    found = layout(folder, replicas, resolved)
    if found.folder.exists():
        found.begun.mkdir(mode=0o700, exist_ok=True)
        return found
    new = folder / f".new-{replicas}-{secrets.token_hex(4)}"
    folder.mkdir(parents=True, exist_ok=True)
    placing.make(new)
    with placing.whole(new):
        if resolved["code"]:
            address = manifests.parse_address(resolved["code"]["address"])
            entries = tree(address.digest).below(address.path)
            placing.fill(new / "code", entries, address.path, blobs=blobs, check=check)
        for model in resolved["models"]:
            address = manifests.parse_address(model["address"])
            above = address.path.rpartition("/")[0]
            entries = tree(address.digest).below(address.path)
            target = new / "models" / model["name"] / model["version"]
            placing.fill(target, entries, above, blobs=blobs, check=check)
        placing.make(new / "models")
        (new / found.begun.name).mkdir(mode=0o700)
        new.rename(found.folder)
    return found


def sweep(folder: Path, keep: Iterable[str]) -> None:
    """Remove the materials of sets that nobody needs, and what crashes left."""
    kept = set(keep)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in kept:
            shutil.rmtree(path, ignore_errors=True)
