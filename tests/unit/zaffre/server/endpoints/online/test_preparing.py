"""Preparations run beside each other; what cannot work fails, what was only out of reach is tried again."""

import errno
import hashlib
import os
import pathlib
import threading
import time

import pytest

from zaffre.contracts import manifests
from zaffre.core import errors
from zaffre.server import operations
from zaffre.server.artifacts import backends
from zaffre.server.endpoints.online import preparing
from zaffre.server.environments import builds

NOTHING = {"models": [], "code": None}


@pytest.fixture
def prepare(tmp_path):
    made = []

    def make(environments):
        made.append(preparing.Preparations(tmp_path, environments, None, lambda *_: None))
        return made[-1]

    yield make
    for item in made:
        item.close()


def built():
    nowhere = pathlib.Path("/nowhere")
    return builds.BuiltEnvironment("d" * 64, nowhere, nowhere, nowhere, True), "another Python stands in"


def until(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_slow_build_holds_up_nobody_and_its_end_wakes_the_reconciler(prepare):
    gate, woken = threading.Event(), threading.Event()

    def environments(workspace, resolved, errand):
        errand.say("solving")
        if resolved.get("slow"):
            gate.wait(120)
        return built()

    preparations = prepare(environments)
    preparations.when_done = woken.set
    assert preparations.state("r1").state == "unknown"
    preparations.begin("r1", "default", {**NOTHING, "slow": True})
    preparations.begin("r2", "default", NOTHING)
    until(lambda: preparations.state("r2").state == "ready")
    assert woken.wait(120)
    assert preparations.state("r1").state == "building"
    assert preparations.made_from("r1") == {}
    gate.set()
    until(lambda: preparations.state("r1").state == "ready")
    assert preparations.said("r1") == ["solving"]
    assert preparations.made_from("r1")["environment_note"] == "another Python stands in"


def test_what_cannot_be_solved_fails_with_its_words(prepare):
    def environments(workspace, resolved, errand):
        raise errors.Invalid("No version of nonsense fits.", hint="Correct it.")

    preparations = prepare(environments)
    preparations.begin("r1", "default", NOTHING)
    until(lambda: preparations.state("r1").state == "failed")
    assert preparations.state("r1").reason == "No version of nonsense fits. Correct it."


def test_what_was_out_of_reach_is_tried_again_a_few_times(prepare, monkeypatch):
    monkeypatch.setattr(preparing, "_PAUSE_S", 0.0)
    tries = []

    def environments(workspace, resolved, errand):
        tries.append(1)
        if resolved.get("for_ever") or len(tries) < 3:
            raise errors.Unavailable("The index cannot be reached.")
        return built()

    preparations = prepare(environments)

    def ends_as(set_id, resolved, state):
        def look():
            preparations.begin(set_id, "default", resolved)
            return preparations.state(set_id).state == state

        until(look)

    ends_as("r1", NOTHING, "ready")
    assert len(tries) == 3
    ends_as("r2", {**NOTHING, "for_ever": True}, "failed")
    assert preparations.state("r2").reason == "The index cannot be reached."


def hanging(begun):
    """An environment that is never built, and asks whether it shall be."""

    def environments(workspace, resolved, errand):
        begun.append(1)
        while True:
            errand.check()
            time.sleep(0.005)

    return environments


def test_what_nobody_wants_any_more_ends_and_the_rest_goes_on(prepare):
    begun = []
    preparations = prepare(hanging(begun))
    for name in ("r1", "r2"):
        preparations.begin(name, "default", NOTHING)
    until(lambda: len(begun) == 2)
    first, second = preparations._work["r1"].future, preparations._work["r2"].future
    preparations.keep({"r2"})
    with pytest.raises(operations.GivenUp):
        first.result(120)
    assert not second.done()
    assert (preparations.state("r1").state, preparations.state("r2").state) == ("unknown", "building")


MODEL_FILE = b"weights!" * (1 << 19)  # four pieces of a copy


class ElsewhereStore(backends.local.LocalBlobStore):
    """Blobs on another disk than replicas: they are copied. A copy stands still in its middle until `go_on`."""

    def __init__(self, folder):
        super().__init__(folder)
        self.halfway, self.go_on = threading.Event(), threading.Event()

    def place(self, digest, target, *, check):
        asked = iter(range(100))

        def at_each_piece():
            if next(asked) == 2:
                self.halfway.set()
                assert self.go_on.wait(120)
            check()

        super().place(digest, target, check=at_each_piece)


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A placing of a large model file that is under way: store, preparations, and the folder of their sets."""

    def elsewhere(source, target):
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "link", elsewhere)
    blobs, sets = ElsewhereStore(tmp_path / "blobs"), tmp_path / "sets"
    digest = hashlib.sha256(MODEL_FILE).hexdigest()
    (tmp_path / "model.bin").write_bytes(MODEL_FILE)
    blobs.adopt(digest, tmp_path / "model.bin")
    entries = [manifests.FileEntry(path=name, size=len(MODEL_FILE), digest=digest) for name in "ab"]
    manifest = manifests.Manifest.of(entries)
    model = {"name": "m", "version": "1", "address": f"zaffre://trees/{manifest.digest}/a"}
    preparations = preparing.Preparations(sets, lambda *_: built(), blobs, lambda *_: manifest)
    preparations.begin("r1", "default", {"models": [model], "code": None})
    assert blobs.halfway.wait(120)
    assert any(path.stat().st_size for path in sets.rglob("a"))
    yield blobs, preparations, sets
    blobs.go_on.set()
    preparations.close()


def test_a_stopping_server_ends_a_copy_in_its_middle_and_leaves_nothing(large):
    blobs, preparations, sets = large
    closing = threading.Thread(target=preparations.close)
    closing.start()
    until(preparations._closing.is_set)
    blobs.go_on.set()
    closing.join()
    assert preparations.state("r1").state == "building"
    assert list(sets.iterdir()) == []


def test_a_copy_that_nobody_wants_any_more_ends(large):
    blobs, preparations, sets = large
    copying = preparations._work["r1"].future
    preparations.forget("r1")
    blobs.go_on.set()
    with pytest.raises(operations.GivenUp):
        copying.result(120)
    assert list(sets.iterdir()) == []


def test_a_copy_that_is_wanted_is_whole(large):
    blobs, preparations, _ = large
    blobs.go_on.set()
    until(lambda: preparations.state("r1").state == "ready")
    file = preparations.result("r1").materials.models / "m/1/a"
    assert file.read_bytes() == MODEL_FILE
    assert file.stat().st_mode & 0o777 == 0o444


def test_a_stopping_server_ends_what_it_prepares_and_calls_nothing_failed(prepare):
    begun = []
    preparations = prepare(hanging(begun))
    preparations.begin("r1", "default", NOTHING)
    until(lambda: begun)
    preparations.close()
    assert preparations.state("r1").state == "building"
    assert preparations.made_from("r1") == {}
