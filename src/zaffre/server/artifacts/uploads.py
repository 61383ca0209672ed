"""One blob on its way in: received in pieces, hashed on the way, kept for resuming, verified at the end.

The face that receives the bytes drives an Upload from a worker thread. Pieces wait in the `incoming` folder under a
key and the caller's name, so that nobody can spoil what another caller began. The key is the digest, and the bytes reach
the store only when it is right; or it is the sample of a draft, whose digest is found while it comes.
"""

import contextlib
import dataclasses
import fcntl
import hashlib
import os
import secrets
import threading
from pathlib import Path

from zaffre.contracts import samples
from zaffre.core import errors
from zaffre.server.artifacts import disk

_REHASH_PIECE = 1 << 20
_WORTH_A_THREAD = 1 << 20
_WINDOW = 32 << 20


@dataclasses.dataclass(frozen=True)
class Incoming:
    """The folder of unfinished uploads."""

    folder: Path

    def path(self, owner: str, key: str) -> Path:
        """Where the caller's unfinished upload under a key lies."""
        return self.folder / f"{key}.{hashlib.sha256(owner.encode()).hexdigest()[:16]}"

    def received(self, owner: str, key: str) -> int:
        """How many bytes of an unfinished upload are there."""
        try:
            return self.path(owner, key).stat().st_size
        except FileNotFoundError:
            return 0


class Upload:
    """Open at `offset`, `write` pieces, then `verify`; `pause` keeps what came, `drop` forgets it. One thread at a time.

    `digest` is the key, or for a draft what `verify` finds.
    """

    def __init__(
        self,
        incoming: Incoming,
        owner: str,
        key: str,
        *,
        offset: int,
        total: int | None,
        limit: int,
        draft: bool = False,
    ) -> None:
        self.digest = key
        self._draft = draft
        self.size = offset
        self._total = total
        self._limit = limit
        self._behind = offset
        self._hash = hashlib.sha256()
        if total is not None and total > limit:
            raise self._too_large()
        incoming.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.file, self._descriptor = _claim(incoming.path(owner, key), offset)
        try:
            self._resume(offset)
        except BaseException:
            self.pause()
            raise

    def write(self, piece: bytes | memoryview) -> None:
        """Take in the next bytes. Raises TooLarge, Unavailable (disk full) or Invalid (more than announced)."""
        self.size += len(piece)
        if self.size > self._limit:
            self.drop()
            raise self._too_large()
        if self._total is not None and self.size > self._total:
            self.drop()
            raise errors.Invalid(f"More bytes came for {self.digest} than were announced.")
        if len(piece) < _WORTH_A_THREAD:
            self._hash.update(piece)
            self._append(piece)
            return
        hashing = threading.Thread(target=self._hash.update, args=(piece,))
        hashing.start()
        try:
            self._append(piece)
        finally:
            hashing.join()

    def complete(self) -> bool:
        """Whether all announced bytes are there; without an announcement the end of the request says so."""
        return self._total is None or self.size == self._total

    def verify(self) -> None:
        """Check the digest and leave the file ready to be adopted. Raises Invalid, and then nothing is kept."""
        found = self._hash.hexdigest()
        if self._draft:
            self.digest = found
        elif self.digest != found:
            self.drop()
            raise errors.Invalid(
                f"The bytes have the SHA-256 {found}, not {self.digest} as announced; nothing was stored.",
                hint="The file changed while it was read, or the way here broke it: upload it again.",
            )

    def sample(self) -> str | None:
        """The sample of what came; None for small contents."""
        if self.size < samples.LARGE:
            return None
        return samples.sample(self.size, lambda length, at: os.pread(self._descriptor, length, at))

    def pause(self) -> None:
        """Close, and keep what came for resuming."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def drop(self) -> None:
        """Close and forget what came."""
        self.file.unlink(missing_ok=True)
        self.pause()

    def _resume(self, offset: int) -> None:
        there = os.fstat(self._descriptor).st_size
        if offset > there:
            raise errors.Conflict(
                f"{there} bytes of {self.digest} are here, so the upload cannot go on at {offset}.",
                hint="Go on from the number of bytes received.",
                received=there,
            )
        os.ftruncate(self._descriptor, offset)
        done = 0
        while done < offset:
            piece = os.pread(self._descriptor, min(_REHASH_PIECE, offset - done), done)
            self._hash.update(piece)
            done += len(piece)
        os.lseek(self._descriptor, offset, os.SEEK_SET)

    def _append(self, piece: bytes | memoryview) -> None:
        rest = memoryview(piece)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            self._write_back()
        except OSError as error:
            self.drop()
            raise disk.unavailable(error) from error

    def _write_back(self) -> None:
        """Start the disk while more comes, so that the last sync is short, and give back the memory of what it has."""
        if self.size - self._behind >= 2 * _WINDOW:
            os.posix_fadvise(self._descriptor, self._behind, self.size - self._behind, os.POSIX_FADV_DONTNEED)
            self._behind += _WINDOW

    def _too_large(self) -> errors.TooLarge:
        return errors.TooLarge(
            f"The file is larger than this server takes ({self._limit} bytes).",
            hint="Raise max_upload_bytes in the server's settings, or register smaller files.",
            limit=self._limit,
        )


def _claim(path: Path, offset: int) -> tuple[Path, int]:
    """Open and lock the partial file; a second upload of the same bytes at the same time gets a file of its own."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            if offset:
                raise errors.Conflict(
                    "Another upload of the same content by the same caller is going on.",
                    hint="Wait for it, then ask again what is missing.",
                ) from None
            path = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
            continue
        with contextlib.suppress(FileNotFoundError):
            if path.stat().st_ino == os.fstat(descriptor).st_ino:
                return path, descriptor
        os.close(descriptor)  # the one before finished between our open and our lock
