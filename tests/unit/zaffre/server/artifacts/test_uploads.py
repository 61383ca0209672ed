import errno
import hashlib
import os
import subprocess
import threading

import pytest

from zaffre.core import errors
from zaffre.server.artifacts import uploads

SIZE = 200_000
CONTENT = os.urandom(SIZE)
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def incoming(tmp_path):
    return uploads.Incoming(tmp_path / "incoming")


def begin(incoming, *, owner="ann", digest=DIGEST, offset=0, total=SIZE, limit=1 << 30):
    return uploads.Upload(incoming, owner, digest, offset=offset, total=total, limit=limit)


def test_an_interrupted_upload_goes_on_where_it_stopped(incoming):
    first = begin(incoming)
    first.write(CONTENT[:70_000])
    first.write(CONTENT[70_000:90_000])
    assert not first.complete()
    first.pause()
    assert incoming.received("ann", DIGEST) == 90_000
    second = begin(incoming, offset=90_000)
    second.write(CONTENT[90_000:])
    assert second.complete()
    second.verify()
    assert second.file.read_bytes() == CONTENT


def test_an_upload_may_go_back_but_not_leave_a_gap(incoming):
    first = begin(incoming)
    first.write(CONTENT[:500])
    first.pause()
    with pytest.raises(errors.Conflict) as raised:
        begin(incoming, offset=501)
    assert raised.value.fields == {"received": 500}
    again = begin(incoming, offset=100)
    again.write(CONTENT[100:])
    again.verify()


def test_a_draft_finds_its_digest(incoming):
    draft = uploads.Upload(incoming, "ann", "a" * 64, offset=0, total=SIZE, limit=1 << 30, draft=True)
    draft.write(CONTENT)
    draft.verify()
    assert draft.digest == DIGEST
    assert draft.sample() is None
    draft.drop()


def test_wrong_bytes_leave_nothing(incoming):
    upload = begin(incoming)
    upload.write(CONTENT[:-1] + b"?")
    with pytest.raises(errors.Invalid, match="nothing was stored"):
        upload.verify()
    assert list(incoming.folder.iterdir()) == []


def test_more_bytes_than_announced_are_refused(incoming):
    upload = begin(incoming, total=100)
    with pytest.raises(errors.Invalid, match="More bytes"):
        upload.write(CONTENT[:101])
    assert list(incoming.folder.iterdir()) == []


def test_a_file_over_the_limit_is_refused_before_and_while_it_comes(incoming):
    with pytest.raises(errors.TooLarge):
        begin(incoming, limit=1000)
    upload = begin(incoming, total=None, limit=1000)
    upload.write(CONTENT[:1000])
    with pytest.raises(errors.TooLarge):
        upload.write(b"x")
    assert list(incoming.folder.iterdir()) == []


def test_two_uploads_of_the_same_bytes_at_once_do_not_meet(incoming):
    one, two = begin(incoming), begin(incoming)
    assert one.file != two.file
    one.write(CONTENT[:10])
    two.write(CONTENT)
    two.verify()
    one.write(CONTENT[10:])
    one.verify()
    with pytest.raises(errors.Conflict, match="going on"):
        begin(incoming, offset=5)
    one.pause()
    two.pause()


def test_nobody_can_spoil_what_another_caller_began(incoming):
    mallory = begin(incoming, owner="mallory")
    mallory.write(b"\0" * 1000)
    mallory.pause()
    assert incoming.received("ann", DIGEST) == 0
    upload = begin(incoming, owner="ann")
    upload.write(CONTENT)
    upload.verify()


def test_many_threads_may_begin_and_end_the_same_upload(incoming, tmp_path):
    failures = []

    def one_upload():
        try:
            for _ in range(10):
                upload = begin(incoming)
                upload.write(CONTENT)
                upload.verify()
                upload.drop()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=one_upload) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert list(incoming.folder.iterdir()) == []


@pytest.fixture
def tiny_disk(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting a tiny disk needs root")
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", disk]).returncode:
        pytest.skip("this machine lets nobody mount a disk")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_said_and_leaves_nothing(tiny_disk):
    incoming = uploads.Incoming(tiny_disk / "incoming")
    upload = begin(incoming)
    with pytest.raises(errors.Unavailable, match="disk is full"):
        upload.write(CONTENT)
    assert list(incoming.folder.iterdir()) == []


def test_a_full_disk_is_said_without_a_tiny_disk_too(incoming, monkeypatch):
    upload = begin(incoming)

    def full(descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(errors.Unavailable, match="disk is full"):
        upload.write(CONTENT)
    assert list(incoming.folder.iterdir()) == []


def test_large_pieces_are_hashed_beside_the_writing(incoming):
    content = os.urandom(5 << 20)
    upload = begin(incoming, digest=hashlib.sha256(content).hexdigest(), total=len(content))
    upload.write(memoryview(content)[: 3 << 20])
    upload.write(memoryview(content)[3 << 20 :])
    upload.verify()
    assert upload.file.read_bytes() == content


def test_what_leaves_the_cache_is_on_the_disk(incoming, monkeypatch):
    monkeypatch.setattr(uploads, "_WINDOW", 1 << 20)
    content = os.urandom(9 << 20)
    upload = begin(incoming, digest=hashlib.sha256(content).hexdigest(), total=len(content))
    for at in range(0, len(content), 300_000):
        upload.write(content[at : at + 300_000])
    upload.verify()
    assert upload.file.read_bytes() == content
