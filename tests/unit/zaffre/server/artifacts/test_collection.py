import datetime as dt
import hashlib
import os
import threading
import time

import pytest

from zaffre.contracts import manifests
from zaffre.core import clock, errors
from zaffre.server import db
from zaffre.server.artifacts import collection, garbage, service, uploads


@pytest.fixture
def later(monkeypatch):
    """Turns the clock forward, so that what was touched before is past the grace period."""

    def turn(seconds=7200):
        moment = clock.now() + dt.timedelta(seconds=seconds)
        monkeypatch.setattr(clock, "now", lambda: moment)

    return turn


def there(room, digest):
    try:
        b"".join(room.store.read(digest))
    except errors.NotFound:
        return False
    return True


def test_what_nobody_holds_goes_and_what_is_held_stays(database, room, ann, root, put, plant, later):
    kept = plant(ann, {"a": b"kept", "b": b"shared"})
    lost = plant(ann, {"a": b"lost", "b": b"shared"})
    stray = put(ann, b"stray")
    with database.write() as uow:
        service.hold(uow, service.find(uow, "default", manifests.address(kept.digest)), "models/m:1")
    later()
    lost_digest = hashlib.sha256(b"lost").hexdigest()
    dry = collection.collect(database, root, room, dry_run=True)
    assert all(there(room, digest) for digest in [*kept.digests(), lost_digest, stray])
    report = collection.collect(database, root, room)
    assert dry.trees == report.trees == [lost.digest]
    assert dry.blobs == report.blobs == sorted([lost_digest, stray])
    assert dry.bytes == report.bytes == len(b"lost") + len(b"stray")
    assert all(there(room, digest) for digest in kept.digests())
    assert not there(room, lost_digest)
    assert not there(room, stray)
    assert collection.collect(database, root, room).bytes == 0


def test_a_released_tree_goes_with_its_last_holder(database, room, ann, root, plant, later):
    manifest = plant(ann, {"a": b"bytes"})
    with database.write() as uow:
        for holder in ("models/m:1", "revisions/r1"):
            service.hold(uow, service.find(uow, "default", manifests.address(manifest.digest)), holder)
        service.release(uow, "default", "models/m:1")
    later()
    assert collection.collect(database, root, room).trees == []
    with database.write() as uow:
        service.release(uow, "default", "revisions/r1")
    assert collection.collect(database, root, room).trees == [manifest.digest]


def test_what_missing_promised_stays(database, room, ann, root, put, later):
    digest = put(ann, b"promised")
    later()
    with database.write() as uow:
        assert service.missing(uow, ann, room, [digest]) == []
    assert collection.collect(database, root, room).blobs == []
    assert there(room, digest)


def test_a_promise_made_between_looking_and_removing_is_kept(
    database, room, ann, root, put, later, monkeypatch
):
    digest = put(ann, b"promised late")
    later()
    look = garbage.doomed_blobs

    def look_then_promise(uow, before):
        found = look(uow, before)
        thread = threading.Thread(target=promise)
        thread.start()
        thread.join()
        return found

    def promise():
        with database.write() as uow:
            assert service.missing(uow, ann, room, [digest]) == []

    monkeypatch.setattr(garbage, "doomed_blobs", look_then_promise)
    assert collection.collect(database, root, room).blobs == []
    assert there(room, digest)


def test_an_upload_that_meets_collection_ends_with_its_bytes_stored(
    database, room, ann, root, put, later, monkeypatch
):
    """Collection removes the old copy while the same bytes arrive again: the new ones must be there afterwards."""
    digest = put(ann, b"back again")
    later()
    removing, may_remove = threading.Event(), threading.Event()
    remove = room.store.remove

    def slow_remove(digest):
        removing.set()
        assert may_remove.wait(30)
        remove(digest)

    monkeypatch.setattr(room.store, "remove", slow_remove)
    collector = threading.Thread(target=collection.collect, args=(database, root, room))
    collector.start()
    assert removing.wait(30)
    uploader = threading.Thread(target=put, args=(ann, b"back again"))
    uploader.start()
    may_remove.set()
    collector.join()
    uploader.join()
    assert there(room, digest)
    with database.read() as uow:
        assert service.blob_size(uow, ann, digest) == len(b"back again")


def test_a_registration_that_meets_collection_wins_or_is_told(
    database_url, database, room, ann, root, plant, later
):
    if database.is_sqlite:
        pytest.skip("SQLite has one writer; the two cannot meet")
    manifest = plant(ann, {"a": b"bytes"})
    later()
    other = db.Database(database_url)
    try:
        with other.write() as uow:
            service.hold(uow, service.find(uow, "default", manifests.address(manifest.digest)), "models/m:1")
            collector = threading.Thread(target=collection.collect, args=(database, root, room))
            collector.start()
            time.sleep(0.3)  # long enough for a collector that does not wait to do harm
        collector.join()
        with other.read() as uow:
            assert service.tree(uow, ann, "default", manifest.digest) == manifest
    finally:
        other.close()


def test_unfinished_uploads_go_unless_somebody_goes_on(database, room, ann, root):
    old, busy, fresh = (hashlib.sha256(bytes([i])).hexdigest() for i in range(3))
    open_uploads = {}
    for digest in (old, busy, fresh):
        upload = uploads.Upload(room.incoming, ann.name, digest, offset=0, total=10, limit=100)
        upload.write(b"12345")
        open_uploads[digest] = upload
    for digest in (old, busy):
        long_ago = time.time() - 10_000
        os.utime(open_uploads[digest].file, (long_ago, long_ago))
    open_uploads[old].pause()
    open_uploads[fresh].pause()
    report = collection.collect(database, root, room)
    assert report.partial_uploads == [old]
    assert report.bytes == 5
    assert room.incoming.received(ann.name, fresh) == 5
    open_uploads[busy].pause()


def test_only_an_administrator_collects(database, room, ann):
    with pytest.raises(errors.Denied):
        collection.collect(database, ann, room, dry_run=True)
