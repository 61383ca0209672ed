"""Bytes of files on their way to the server: by their digest, or as drafts whose digest is counted while they go.

Called by `bundles`. A file that breaks off goes on where the server's part ends. Which files are sent is decided there.
"""

import concurrent.futures
import dataclasses
import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from zaffre.core import errors
from zaffre.sdk import local_files, transport

_AT_ONCE = 4
_ATTEMPTS = 5
_ASK_AT_ONCE = 5_000
# What is hashed while it is sent should still lie in the processor's cache.
_PIECE = 1 << 20

Pieces = Callable[[], Iterator[bytes]]
Sent = TypeVar("Sent")


@dataclasses.dataclass(frozen=True)
class Draft:
    """What the server knows of a large file before its digest: `known`, that content with its sample is there."""

    received: int
    known: bool


class Sender:
    """Sends files; `count` hears of every piece that went, `stop` ends all of it. Used by several threads."""

    def __init__(
        self, wire: transport.Transport, count: Callable[[int], None], stop: threading.Event
    ) -> None:
        self._wire = wire
        self._count = count
        self._stop = stop

    def missing(self, digests: list[str]) -> dict[str, int]:
        """Which contents the server lacks, and how many bytes of each it has."""
        found: dict[str, int] = {}
        for at in range(0, len(digests), _ASK_AT_ONCE):
            body = {"digests": digests[at : at + _ASK_AT_ONCE]}
            answer = self._wire.send("POST", "/api/v1/artifacts/missing", body=body).json()
            found.update({str(item["digest"]): int(item["received"]) for item in answer["missing"]})
        return found

    def drafts(self, samples: Sequence[str]) -> dict[str, Draft]:
        """What the server knows of large files by their samples."""
        found: dict[str, Draft] = {}
        for at in range(0, len(samples), _ASK_AT_ONCE):
            body = {"samples": samples[at : at + _ASK_AT_ONCE]}
            answer = self._wire.send("POST", "/api/v1/artifacts/drafts", body=body).json()
            for item in answer["drafts"]:
                found[str(item["sample"])] = Draft(int(item["received"]), bool(item["known"]))
        return found

    def at_once(self, send: Callable[..., Sent], jobs: Iterable[tuple[Any, ...]]) -> list[Sent]:
        """`send` with the arguments of each job, several at once; one that fails ends all."""
        with concurrent.futures.ThreadPoolExecutor(_AT_ONCE) as pool:
            going = [pool.submit(send, *job) for job in jobs]
            try:
                for done in concurrent.futures.as_completed(going):
                    done.result()
            except BaseException:
                self._stop.set()
                pool.shutdown(cancel_futures=True)
                raise
            return [done.result() for done in going]

    def send(self, file: local_files.LocalFile, digest: str, received: int) -> None:
        """One file by its digest, from where an earlier attempt ended. Raises Unavailable, Conflict (it changed)."""

        def still() -> int | None:
            return self.missing([digest]).get(digest)

        def put(start: int) -> None:
            self._put(f"blobs/{digest}", file, start, lambda: self._pieces(file, start))

        _patiently(file, received, put, still=still, stop=self._stop)

    def send_draft(self, file: local_files.LocalFile, sample: str, received: int) -> str:
        """One file while it is hashed; its digest. What the server has may still differ: it is asked by digest later."""
        running = _Running(file)

        def still() -> int | None:
            draft = self.drafts([sample])[sample]
            return None if draft.known else draft.received

        with concurrent.futures.ThreadPoolExecutor(1) as beside:

            def put(start: int) -> None:
                beside.submit(running.reach, start).result()
                self._put(f"drafts/{sample}", file, start, lambda: self._hashed(file, start, running, beside))

            _patiently(file, received, put, still=still, stop=self._stop)
            beside.submit(running.reach, file.size).result()
        local_files.demand_unchanged(file)
        return running.hexdigest()

    def _put(self, place: str, file: local_files.LocalFile, start: int, pieces: Pieces) -> None:
        headers = {"content-type": "application/octet-stream", "content-length": str(file.size - start)}
        if start:
            headers["content-range"] = f"bytes {start}-{file.size - 1}/{file.size}"
        self._wire.send("PUT", f"/api/v1/artifacts/{place}", content=pieces, headers=headers, again=False)

    def _pieces(self, file: local_files.LocalFile, start: int) -> Iterator[bytes]:
        for piece in local_files.pieces(file, start, file.size, size=_PIECE):
            if self._stop.is_set():
                raise errors.Unavailable("The upload was given up.")
            yield piece
            self._count(len(piece))

    def _hashed(
        self,
        file: local_files.LocalFile,
        start: int,
        running: "_Running",
        beside: concurrent.futures.ThreadPoolExecutor,
    ) -> Iterator[bytes]:
        for piece in self._pieces(file, start):
            hashing = beside.submit(running.take, piece, start)
            yield piece
            hashing.result()
            start += len(piece)


class _Running:
    """The SHA-256 of a file's beginning, as far as it was read, whatever of it is sent again. Used by one thread."""

    def __init__(self, file: local_files.LocalFile) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._size = 0

    def take(self, piece: bytes, start: int) -> None:
        """Go on with a piece that begins where, or before, the last one ended."""
        fresh = memoryview(piece)[self._size - start :]
        self._hash.update(fresh)
        self._size += len(fresh)

    def reach(self, stop: int) -> None:
        """Read what is missing up to `stop`. Raises Conflict when the file changed."""
        for piece in local_files.pieces(self._file, self._size, stop):
            self.take(piece, self._size)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def _patiently(
    file: local_files.LocalFile,
    received: int,
    put: Callable[[int], None],
    *,
    still: Callable[[], int | None],
    stop: threading.Event,
) -> None:
    """`put` from what was received on, again when it broke off; `still` is None once nothing is missing."""
    for attempt in range(_ATTEMPTS):
        try:
            put(received if 0 < received < file.size else 0)
            break
        except errors.Unavailable:
            if attempt + 1 == _ATTEMPTS or stop.is_set():
                raise
            now = still()
            if now is None:
                break
            received = now
        except (errors.Invalid, errors.Conflict):
            local_files.demand_unchanged(file)
            raise
    local_files.demand_unchanged(file)
