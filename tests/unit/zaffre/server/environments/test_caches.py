"""What is still linked to stays in a cache; what is older than asked for and linked to nothing goes."""

import datetime as dt
import os

import pytest

from zaffre.core import clock
from zaffre.server.environments import caches

DAY = dt.timedelta(days=1)


@pytest.fixture
def cache(tmp_path):
    return caches.Cache(tmp_path / "cache", "packages/*", fetched="index/*")


def package(cache, name, *, age=2 * DAY):
    folder = cache.path / "packages" / name
    folder.mkdir(parents=True)
    (folder / "module.py").write_text(name)
    aged(folder, age)
    return folder


def aged(path, age):
    when = (clock.now() - age).timestamp()
    os.utime(path, (when, when))


def unneeded(cache, going=None):
    return sorted(entry.name for entry in cache.unneeded(clock.now() - DAY, going or {}))


def test_links_and_age_decide(cache, tmp_path):
    package(cache, "alone")
    package(cache, "new", age=dt.timedelta())
    used = package(cache, "used")
    (tmp_path / "env").mkdir()
    (tmp_path / "env/module.py").hardlink_to(used / "module.py")
    (cache.path / "index").mkdir()
    for name, age in (("old.json", 2 * DAY), ("fresh.json", dt.timedelta())):
        (cache.path / "index" / name).write_text("{}")
        aged(cache.path / "index" / name, age)
    assert unneeded(cache) == ["alone", "old.json"]
    assert unneeded(cache, caches.links([tmp_path / "env"])) == ["alone", "old.json", "used"]
    assert (used / "module.py").read_text() == "used"


def test_what_is_removed_is_gone_and_what_a_crash_left_is_found(cache):
    first, second = package(cache, "one"), package(cache, "two")
    caches.remove(first)
    second.rename(second.with_name(".gone-two"))
    assert unneeded(cache) == [".gone-two"]
    caches.remove(cache.path / "packages/.gone-two")
    assert list((cache.path / "packages").iterdir()) == []


def test_users_share_and_who_clears_is_alone(tmp_path):
    guard = caches.Guard(tmp_path / "cache")
    with guard.used(), guard.used(), guard.alone() as alone:
        assert not alone
    with guard.alone() as alone:
        assert alone
        with guard.alone() as another:
            assert not another
