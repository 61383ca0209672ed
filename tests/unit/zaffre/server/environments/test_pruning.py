"""Only what no lock names, no process mentions and nobody asked for lately goes."""

import dataclasses
import datetime as dt
import hashlib
import json
import os
import threading
import types

import pytest

from zaffre.core import clock, errors
from zaffre.server import access
from zaffre.server.environments import pruning, service, slots, store

SYSTEM = access.system("tests")
DAY = dt.timedelta(days=1)


@pytest.fixture
def pruner(tmp_path, database):
    return pruning.Pruner(database, tmp_path / "environments", (tmp_path / "services", tmp_path / "jobs"))


def digest(name):
    return hashlib.sha256(name.encode()).hexdigest()


@pytest.fixture
def make(pruner):
    def built(kind, name, *, age=DAY):
        slot = slots.Slot(pruner.root / kind, digest(name))
        slot.fill(lambda path, _: (path / "file").write_bytes(bytes(1000)) and None, wait=lambda: None)
        when = (clock.now() - age).timestamp()
        os.utime(slot.path / "last-used", (when, when))
        return slot

    return built


def mention(tmp_path, folder, path):
    place = tmp_path / folder / "0123"
    place.mkdir(parents=True)
    (place / "spec.json").write_text(json.dumps({"argv": [str(path / "env/bin/python")]}))


def test_a_dry_run_lists_what_the_real_one_removes(pruner, make):
    build, overlay = make("builds", "a"), make("overlays", "b")
    planned = pruner.prune(SYSTEM, grace_s=3600, dry_run=True)
    assert (planned.environments, planned.overlays) == ([build.digest], [overlay.digest])
    assert planned.bytes >= 2000
    assert build.path.exists()
    done = pruner.prune(SYSTEM, grace_s=3600, dry_run=False)
    assert (done.environments, done.overlays, done.bytes) == (
        planned.environments,
        planned.overlays,
        planned.bytes,
    )
    assert not build.path.exists()
    assert not overlay.path.exists()


@pytest.mark.parametrize("folder", ["services", "jobs"])
@pytest.mark.parametrize("kind", ["builds", "overlays"])
def test_what_a_process_mentions_stays(pruner, make, tmp_path, folder, kind):
    slot = make(kind, "a")
    mention(tmp_path, folder, slot.path)
    report = pruner.prune(SYSTEM, grace_s=0, dry_run=False)
    assert (report.environments, report.overlays) == ([], [])
    assert slot.path.exists()


def test_what_a_lock_names_stays(pruner, make, monkeypatch):
    kept = make("builds", "a")
    monkeypatch.setattr(pruning.service, "registered_digests", lambda *_: {kept.digest})
    assert pruner.prune(SYSTEM, grace_s=0, dry_run=False).environments == []
    assert kept.path.exists()


def test_what_somebody_may_return_to_stays(pruner, make):
    kept, gone = make("builds", "a"), make("builds", "b")
    careful = dataclasses.replace(pruner, needed=lambda _: pruning.Needed(digests=frozenset({kept.digest})))
    assert careful.prune(SYSTEM, grace_s=0, dry_run=False).environments == [gone.digest]
    assert kept.path.exists()


def test_locks_of_registered_versions_count_and_go_with_the_version(pruner, make):
    subjects = {
        name: make("builds", name).digest
        for name in ("environments/sk:1", "environments/anonymous:ab", "definitions/cd")
    }
    with pruner.database.write() as uow:
        for subject, name in subjects.items():
            store.insert(uow, "w", subject, digest=name, content="{}", now=clock.now())
    planned = pruner.prune(SYSTEM, grace_s=0, dry_run=True)
    assert sorted(planned.environments) == sorted(
        [subjects["environments/anonymous:ab"], subjects["definitions/cd"]]
    )
    envelopes = [
        types.SimpleNamespace(type=kind, workspace="w", subject="environments/sk:1")
        for kind in ("EnvironmentArchived", "EnvironmentDeleted")
    ]
    with pruner.database.write() as uow:
        service.forget(uow, envelopes[:1])
        assert store.content(uow, "w", "environments/sk:1")
        service.forget(uow, envelopes)
    assert subjects["environments/sk:1"] in pruner.prune(SYSTEM, grace_s=0, dry_run=True).environments


def test_what_was_asked_for_lately_or_since_the_start_stays(pruner, make):
    make("builds", "fresh", age=dt.timedelta())  # after the start: it may be prepared and not started yet
    make("overlays", "recent", age=dt.timedelta(minutes=30))
    report = pruner.prune(SYSTEM, grace_s=3600, dry_run=False)
    assert (report.environments, report.overlays) == ([], [])
    assert pruner.prune(SYSTEM, grace_s=0, dry_run=False).overlays == [digest("recent")]


def test_what_is_being_built_stays(pruner, make):
    slot = make("builds", "a")
    held, done = threading.Event(), threading.Event()

    def hold():
        with slots.Slot(pruner.root / "builds", slot.digest)._hold(lambda: None):
            held.set()
            done.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(30)
    try:
        assert pruner.prune(SYSTEM, grace_s=0, dry_run=False).environments == []
        assert slot.path.exists()
    finally:
        done.set()
        thread.join()


def test_only_administrators_prune(pruner):
    nobody = access.Caller("ann")
    with pytest.raises(errors.Denied):
        pruner.prune(nobody, grace_s=0, dry_run=True)
