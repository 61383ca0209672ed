"""What `zaffre server gc` frees of environments that uv has built, caches included, and what it leaves alone."""

import datetime as dt
import os

import pytest

from zaffre.core import clock
from zaffre.server import access
from zaffre.server.environments import (
    builds,
    bytecode,
    caches,
    curated,
    definitions,
    errands,
    overlays,
    pruning,
    solving,
    store,
    uv,
    workshop,
)

SYSTEM = access.system("tests")
SUBJECT = "environments/gc:1"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "environments"


@pytest.fixture
def room(root, database, own, runtime_source):
    uv_ = uv.Uv(root / caches.UV, os.environ)
    compiled = bytecode.Store(root / caches.BYTECODE)
    overlay = overlays.Overlays(root / "overlays", runtime_source, uv_, compiled)
    builder = builds.Builder(root, uv_=uv_, installed=[own], overlay=overlay, compiled=compiled)
    return workshop.Workshop(database, solving.Solver(uv_, [own]), builder, curated.Table.load())


def definition(*lines):
    return definitions.from_fields({"zaffre": {"requirements": list(lines)}})


def names_in(root, pattern):
    return sorted(path.name for path in root.glob(pattern))


def later():
    return clock.now() + dt.timedelta(days=1)


def test_a_dry_run_tells_what_the_real_one_frees_and_what_is_gone_comes_back(room, root, database, tmp_path):
    wanted = definition("idna==3.7")
    lock, built = room.build(SYSTEM, "w", SUBJECT, wanted, errand=errands.Errand(print))
    pruner = pruning.Pruner(database, root, (tmp_path / "services",), started=later())
    shared = built.path / f"env/lib/python{lock.minor}/site-packages/idna/idnadata.py"
    assert shared.stat().st_nlink == 2

    first = pruner.prune(SYSTEM, grace_s=0, dry_run=True)  # the overlay goes: no process mentions it
    assert (first.environments, len(first.overlays), first.in_use) == ([], 1, [])
    with database.write() as uow:
        store.drop(uow, "w", SUBJECT)
    planned = pruner.prune(SYSTEM, grace_s=0, dry_run=True)
    assert planned.environments == [lock.digest]
    assert planned.bytes >= first.bytes + shared.stat().st_size
    assert planned.cached_packages == first.cached_packages + 2  # its archive and its byte code
    assert names_in(root, ".uv-cache/archive-v*/*/idna")

    done = pruner.prune(SYSTEM, grace_s=0, dry_run=False)
    assert (done.environments, done.overlays, done.cached_packages, done.bytes) == (
        planned.environments,
        planned.overlays,
        planned.cached_packages,
        planned.bytes,
    )
    assert names_in(root, "builds/[0-9a-f]*") == []
    assert names_in(root, ".uv-cache/archive-v*/*/idna") == []
    assert names_in(root, ".bytecode/*") == []
    again = pruner.prune(SYSTEM, grace_s=0, dry_run=True)
    assert (again.environments, again.overlays, again.cached_packages, again.bytes) == ([], [], 0, 0)

    same, rebuilt = room.build(SYSTEM, "w", SUBJECT, wanted, errand=errands.Errand(print))
    assert (same, rebuilt.cached) == (lock, False)
    assert shared.is_file()


def test_a_cache_that_is_being_installed_from_and_what_is_new_stay(room, root, database, tmp_path):
    wanted = definition("six==1.17.0")
    room.build(SYSTEM, "w", SUBJECT, wanted, errand=errands.Errand(print))
    with database.write() as uow:
        store.drop(uow, "w", SUBJECT)
    pruner = pruning.Pruner(database, root, (tmp_path / "services",), started=later())
    assert pruner.prune(SYSTEM, grace_s=3600, dry_run=False).cached_packages == 0
    with caches.Guard(root / caches.UV).used():
        report = pruner.prune(SYSTEM, grace_s=0, dry_run=False)
    assert report.in_use == [caches.UV]
    assert names_in(root, ".uv-cache/archive-v*/*/six.py") == ["six.py"]
