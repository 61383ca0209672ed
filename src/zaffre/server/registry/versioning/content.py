"""From a path in an entity to files: what a version is made of, and what its noun may demand of it.

A path is the address of a stored tree, or an address that Zaffre does not fetch yet; local paths never get here.
"""

import dataclasses
from collections.abc import Sequence

from zaffre.contracts import manifests
from zaffre.core import errors
from zaffre.server import db
from zaffre.server.artifacts import service as artifacts
from zaffre.server.registry.versioning import nouns


@dataclasses.dataclass(frozen=True)
class Content:
    """The files at an address. `root` is the registered file or folder itself, `files` are names below the tree."""

    place: artifacts.Place
    root: str

    @property
    def is_file(self) -> bool:
        """Whether the address is that of one file, not of a folder."""
        return bool(self.root) and any(file.path == self.root for file in self.place.files)

    def inside(self, name: str) -> artifacts.File | None:
        """The file of that name directly in the registered folder."""
        wanted = f"{self.root}/{name}" if self.root else name
        return next((file for file in self.place.files if file.path == wanted), None)

    def facts(self) -> dict[str, object]:
        """What a status says of the files."""
        size = sum(file.size for file in self.place.files)
        return {"manifest_digest": self.place.digest, "size": size, "file_count": len(self.place.files)}


def find(uow: db.UnitOfWork, shelf: nouns.Shelf, path: str | None) -> Content:
    """The files at a path. Raises Invalid (no path, no files), NotFound (no such tree), Unsupported (not fetched)."""
    if not path:
        raise errors.Invalid(f"A {shelf.word} needs a path.", hint="Add `path:` to the file, or give --path.")
    if not path.startswith(manifests.SCHEME):
        raise errors.Unsupported(
            f"Zaffre does not fetch {path[:200]!r} yet.",
            hint="Download the files and give their local path.",
        )
    place = artifacts.find(uow, shelf.workspace, path)
    if not any(file.size for file in place.files):
        raise errors.Invalid(
            f"The {shelf.word} is empty: there is no file with any content at {path[:200]}.",
            hint="Look at the path: it must name a file, or a folder with files.",
        )
    return Content(place, manifests.parse_address(path).path)


PICKLES = (".pkl", ".pickle", ".joblib", ".dill", ".cloudpickle", ".pt", ".pth", ".ckpt")


def pickle_warning(files: Sequence[artifacts.File]) -> list[str]:
    """One line when loading these files means running code of whoever made them."""
    found = [file.path for file in files if file.path.lower().endswith(PICKLES)]
    if not found:
        return []
    others = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return [
        f"{found[0]}{others}: a pickle; loading it runs whatever code is in it, so deploy it only if you trust its maker."
    ]
