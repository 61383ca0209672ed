"""Large files are hashed while they go, unless the server may have them."""

import hashlib
import os

import pytest

from zaffre.contracts import manifests, model
from zaffre.core import errors
from zaffre.sdk import bundles, local_files

SIZE = 17 << 20


@pytest.fixture
def bundler(wire):
    return bundles.Bundler(wire, "default")


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(SIZE))
    return path


def sample_of(path):
    _, files = local_files.collect(path, what="m")
    return local_files.sample(files[0])


def asked(served):
    return [(method, path.removeprefix("/api/v1/artifacts/")) for method, path, _, _ in served.requests]


def is_whole(blobs, bundler, path):
    address = bundler.bundle(model.Model(name="m", path=str(path))).path
    entry = blobs.trees[manifests.parse_address(address).digest].files[0]
    content = path.read_bytes()
    assert entry.digest == hashlib.sha256(content).hexdigest()
    return blobs.stored[entry.digest] == content


def test_a_large_file_is_sent_once_as_a_draft_and_then_not_at_all(bundler, blobs, served, large):
    assert is_whole(blobs, bundler, large)
    assert asked(served)[:2] == [("POST", "drafts"), ("PUT", f"drafts/{sample_of(large)}")]
    assert blobs.sent == SIZE
    assert is_whole(blobs, bundler, large)
    assert blobs.sent == SIZE


def test_a_draft_that_broke_off_goes_on_where_it_ended(bundler, blobs, large):
    blobs.broken.add(sample_of(large))
    assert is_whole(blobs, bundler, large)
    assert blobs.sent == SIZE + SIZE // 2


def test_a_later_run_goes_on_with_the_draft_of_an_earlier_one(bundler, blobs, large):
    blobs.partial[sample_of(large)] = large.read_bytes()[: SIZE // 4]
    assert is_whole(blobs, bundler, large)
    assert blobs.sent == SIZE - SIZE // 4


def test_a_draft_that_began_with_other_bytes_is_sent_again_by_its_digest(bundler, blobs, large):
    blobs.partial[sample_of(large)] = bytes(SIZE // 4)
    assert is_whole(blobs, bundler, large)
    assert blobs.sent == SIZE - SIZE // 4 + SIZE


def test_content_that_others_store_meanwhile_is_hashed_and_asked_for(bundler, blobs, served, large):
    answer, sample = blobs, sample_of(large)

    def lose(method, path, headers, body):
        if method == "PUT" and not blobs.known:
            blobs.known.add(sample)
            return None
        return answer(method, path, headers, body)

    served.answer = lose
    assert is_whole(blobs, bundler, large)
    assert asked(served)[-2][1].startswith("blobs/")


def test_large_and_small_files_of_a_folder_go_their_own_ways(bundler, blobs, tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    content = os.urandom(SIZE)
    for name in ("a.bin", "twin.bin"):
        (folder / name).write_bytes(content)
    (folder / "other.bin").write_bytes(os.urandom(SIZE))
    (folder / "small").write_bytes(b"small")
    address = bundler.bundle(model.Model(name="m", path=str(folder))).path
    manifest = blobs.trees[manifests.parse_address(address).digest]
    assert [entry.path.partition("/")[2] for entry in manifest.files] == [
        "a.bin", "other.bin", "small", "twin.bin",
    ]  # fmt: skip
    for entry in manifest.files:
        assert blobs.stored[entry.digest] == (folder.parent / entry.path).read_bytes()
    assert blobs.sent == 2 * SIZE + 5


def test_a_draft_whose_file_changes_registers_nothing(wire, blobs, large):
    class Meddler:
        def begin(self, what, total):
            pass

        def advance(self, count):
            with large.open("r+b") as file:
                file.write(os.urandom(8))

        def end(self):
            pass

    with pytest.raises(errors.Conflict, match="changed while"):
        bundles.Bundler(wire, "default", Meddler()).bundle(model.Model(name="m", path=str(large)))
    assert blobs.trees == {}


def test_a_sample_tells_contents_apart_by_size_beginning_and_end(tmp_path):
    contents = [bytes(SIZE), bytes(SIZE + 1), b"x" + bytes(SIZE - 1), bytes(SIZE - 1) + b"x"]
    seen = set()
    for number, content in enumerate([*contents, bytes(SIZE)]):
        path = tmp_path / str(number)
        path.write_bytes(content)
        seen.add(sample_of(path))
    assert len(seen) == len(contents)
