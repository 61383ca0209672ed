"""Where blobs can be kept. Imported by the composition root and the contract tests alone."""

import functools
from pathlib import Path
from urllib.parse import urlsplit

from zaffre.core import errors
from zaffre.server.artifacts import ports
from zaffre.server.artifacts.backends import local, objects

_OBJECT_SCHEMES = ("s3", "s3a", "az", "azure", "abfs", "abfss", "gs")


def open_store(url: str, home: Path) -> ports.BlobStore:
    """The store that `artifacts_url` names; a folder below `home` when it is empty. Raises Invalid."""
    scheme = urlsplit(url).scheme if "://" in url else ""
    if not scheme:
        return local.LocalBlobStore(Path(url) if url else home / "blobs")
    if scheme in _OBJECT_SCHEMES:
        return objects.ObjectBlobStore(functools.partial(objects.connect, url))
    raise errors.Invalid(
        f"artifacts_url {url!r} names no store that Zaffre knows.",
        hint="Use a folder, s3://bucket/prefix, az://container/prefix or gs://bucket/prefix.",
    )
