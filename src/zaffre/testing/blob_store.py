"""The contract of a BlobStore: subclass `BlobStoreContract` as `Test...` and give it a fixture `blobs`.

Every backend runs this on the real service. A test reads: store, then look.
"""

import hashlib
import secrets
import threading
from pathlib import Path

import pytest

from zaffre.core import errors
from zaffre.server.artifacts import ports


def write_file(folder: Path, content: bytes) -> tuple[str, Path]:
    """A file with the content, as an upload leaves it: its digest and its path."""
    file = folder / f"incoming-{secrets.token_hex(6)}"
    file.write_bytes(content)
    return hashlib.sha256(content).hexdigest(), file


class BlobStoreContract:
    """What every store of blobs promises."""

    @pytest.fixture
    def blobs(self, tmp_path: Path) -> ports.BlobStore:
        """The store under test."""
        raise NotImplementedError

    @pytest.mark.parametrize("size", [0, 1, 70_000, 20_000_000])
    def test_what_was_adopted_is_read_back(self, blobs: ports.BlobStore, tmp_path: Path, size: int) -> None:
        content = secrets.token_bytes(size)
        digest, file = write_file(tmp_path, content)
        blobs.adopt(digest, file)
        assert b"".join(blobs.read(digest)) == content
        assert not file.exists()

    def test_a_part_is_read_by_its_bounds(self, blobs: ports.BlobStore, tmp_path: Path) -> None:
        content = secrets.token_bytes(5_000_000)
        digest, file = write_file(tmp_path, content)
        blobs.adopt(digest, file)
        assert b"".join(blobs.read(digest, start=4_999_990)) == content[-10:]
        assert b"".join(blobs.read(digest, start=3, stop=9)) == content[3:9]
        assert b"".join(blobs.read(digest, start=7, stop=7)) == b""

    def test_adopting_twice_is_adopting_once(self, blobs: ports.BlobStore, tmp_path: Path) -> None:
        for _ in range(2):
            digest, file = write_file(tmp_path, b"twice")
            blobs.adopt(digest, file)
            assert not file.exists()
        assert b"".join(blobs.read(digest)) == b"twice"

    def test_many_may_adopt_the_same_at_once(self, blobs: ports.BlobStore, tmp_path: Path) -> None:
        content = secrets.token_bytes(300_000)
        files = [write_file(tmp_path, content) for _ in range(6)]
        failures: list[BaseException] = []

        def adopt(digest: str, file: Path) -> None:
            try:
                blobs.adopt(digest, file)
            except errors.ZaffreError as error:
                failures.append(error)

        threads = [threading.Thread(target=adopt, args=pair) for pair in files]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert b"".join(blobs.read(files[0][0])) == content

    def test_absent_content_is_not_found(self, blobs: ports.BlobStore, tmp_path: Path) -> None:
        digest = hashlib.sha256(b"nobody stored this").hexdigest()
        with pytest.raises(errors.NotFound):
            b"".join(blobs.read(digest))
        with pytest.raises(errors.NotFound):
            blobs.place(digest, tmp_path / "absent")
        assert not (tmp_path / "absent").exists()

    def test_a_placed_file_is_complete_and_read_only(self, blobs: ports.BlobStore, tmp_path: Path) -> None:
        content = secrets.token_bytes(2_000_000)
        digest, file = write_file(tmp_path, content)
        blobs.adopt(digest, file)
        target = tmp_path / "placed"
        blobs.place(digest, target)
        assert target.read_bytes() == content
        assert target.stat().st_mode & 0o777 == 0o444

    def test_a_placing_that_nobody_wants_any_more_leaves_nothing(
        self, blobs: ports.BlobStore, tmp_path: Path
    ) -> None:
        digest, file = write_file(tmp_path, secrets.token_bytes(2_000_000))
        blobs.adopt(digest, file)
        target = tmp_path / "placed"

        def refuse() -> None:
            raise InterruptedError("the server stops")

        with pytest.raises(InterruptedError, match="the server stops"):
            blobs.place(digest, target, check=refuse)
        assert not target.exists()
        blobs.place(digest, target)
        assert target.stat().st_size == 2_000_000

    def test_removed_content_is_gone_but_what_was_placed_stays(
        self, blobs: ports.BlobStore, tmp_path: Path
    ) -> None:
        digest, file = write_file(tmp_path, b"short life")
        blobs.adopt(digest, file)
        blobs.place(digest, tmp_path / "placed")
        blobs.remove(digest)
        blobs.remove(digest)
        with pytest.raises(errors.NotFound):
            b"".join(blobs.read(digest))
        assert (tmp_path / "placed").read_bytes() == b"short life"

    def test_removed_content_can_come_back(self, blobs: ports.BlobStore, tmp_path: Path) -> None:
        for _ in range(2):
            digest, file = write_file(tmp_path, b"again")
            blobs.adopt(digest, file)
            assert b"".join(blobs.read(digest)) == b"again"
            blobs.remove(digest)
