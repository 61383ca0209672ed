"""Blobs in an object store (S3, Azure Blob, Google Cloud Storage) through obstore.

Credentials come from where each cloud's own tools look (process environment, files, instance identity), never from
Zaffre's settings. One PUT or one completed multi-part upload makes an object visible whole, so readers never see half.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
from obstore import exceptions
from obstore import store as stores

from zaffre.core import errors
from zaffre.server.artifacts import disk, ports
from zaffre.server.artifacts.backends import local

_PART = 16 << 20


class ObjectBlobStore:
    """A BlobStore over a bucket or container. `connect` makes the client; it runs once, at the first use."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._client: Any = None

    def adopt(self, digest: str, file: Path) -> None:
        with _translated(digest):
            if not self._has(digest):
                obstore.put(self._store, _key(digest), file, chunk_size=_PART, max_concurrency=4)
        file.unlink(missing_ok=True)

    def read(self, digest: str, *, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        with _translated(digest):
            end = obstore.head(self._store, _key(digest))["size"] if stop is None else stop
            while start < end:
                until = min(start + local.PIECE * 4, end)
                piece = bytes(obstore.get_range(self._store, _key(digest), start=start, end=until))
                if not piece:
                    return
                start += len(piece)
                yield piece

    def place(self, digest: str, target: Path, *, check: ports.Check = ports.wanted) -> None:
        seen = hashlib.sha256()
        check()
        with disk.whole(target):
            with target.open("xb") as file:
                for piece in self.read(digest):
                    seen.update(piece)
                    file.write(piece)
                    check()
            target.chmod(0o444)
            if seen.hexdigest() != digest:
                raise errors.Unavailable(
                    f"The store gave other bytes than it was given for {digest}.",
                    hint="Upload the content again.",
                )

    def remove(self, digest: str) -> None:
        with contextlib.suppress(errors.NotFound), _translated(digest):
            obstore.delete(self._store, _key(digest))

    @property
    def _store(self) -> Any:
        if self._client is None:
            self._client = self._connect()
        return self._client

    def _has(self, digest: str) -> bool:
        try:
            obstore.head(self._store, _key(digest))
        except (exceptions.NotFoundError, FileNotFoundError):
            return False
        return True


def connect(url: str, **options: Any) -> Any:
    """A client for `s3://bucket/prefix`, `az://container/prefix` or `gs://bucket/prefix`."""
    parts = urlsplit(url)
    prefix = parts.path.strip("/") or None
    if parts.scheme in ("az", "azure", "abfs", "abfss"):
        return stores.AzureStore(container_name=parts.netloc, prefix=prefix, **options)
    if parts.scheme == "gs":
        return stores.GCSStore(parts.netloc, prefix=prefix, **options)
    return stores.S3Store(parts.netloc, prefix=prefix, **options)


def _key(digest: str) -> str:
    return f"{digest[:2]}/{digest}"


@contextlib.contextmanager
def _translated(digest: str) -> Iterator[None]:
    try:
        yield
    except (exceptions.NotFoundError, FileNotFoundError):
        raise local.absent(digest) from None
    except (exceptions.BaseError, OSError) as error:
        raise errors.Unavailable(
            f"The object store did not answer as it should: {type(error).__name__}.",
            hint="Look at artifacts_url, the credentials in the server's process environment, and the store itself.",
        ) from error
