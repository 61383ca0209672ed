import datetime as dt
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zaffre.core import clock, errors
from zaffre.server.registry.models import service as models
from zaffre.server.registry.versioning import nouns, searching, service, tables

SHELF = models.shelf("default")


def pages(database, caller, **query):
    """All pages of a search, as lists of `name:version`."""
    cursor = None
    while True:
        with database.read() as uow:
            found, cursor = service.search(uow, caller, SHELF, nouns.Query(**query, cursor=cursor))
        yield [f"{v.name}:{v.version}" for v in found]
        if cursor is None:
            return


def search(database, caller, **query):
    return list(itertools.chain(*pages(database, caller, **query)))


@pytest.fixture
def shelf_of_six(enter):
    for name, team, stage in [
        ("a", "red", "Dev"),
        ("b", "red", "Prod"),
        ("a", "blue", "Prod"),
        ("ab", "red", "Prod"),
        ("b", "blue", None),
        ("a_b", "red", None),
    ]:
        enter(name, tags={"team": team, "all": "yes", f"only-{name}": "1"}, stage=stage)


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, ["a_b:1", "b:2", "ab:1", "a:2"]),
        ({"newest_only": False}, ["a_b:1", "b:2", "ab:1", "a:2", "b:1", "a:1"]),
        ({"name": "a"}, ["a:2", "a:1"]),
        ({"prefix": "a"}, ["a_b:1", "ab:1", "a:2"]),
        ({"contains": "b"}, ["a_b:1", "b:2", "ab:1"]),
        ({"contains": "_"}, ["a_b:1"]),
        ({"contains": "%"}, []),
        ({"stage": "Prod"}, ["ab:1", "a:2", "b:1"]),
        ({"stage": "Prod", "newest_only": True}, ["ab:1", "a:2"]),
        ({"type": "triton_model"}, []),
        ({"tags": (("team", "red"),)}, ["a_b:1", "ab:1", "b:1", "a:1"]),
        ({"tags": (("team", "red"), ("all", "yes"), ("only-b", "1"))}, ["b:1"]),
        ({"tags": (("team", "red"), ("team", "blue"))}, []),
        ({"tags": (("team", "red"),), "name": "b", "stage": "Prod"}, ["b:1"]),
        ({"tags": (("team", "red"),), "newest_only": True}, ["a_b:1", "ab:1"]),
        ({"tags": (("team", "green"), ("all", "yes"))}, []),
    ],
)
def test_any_mix_of_filters(database, ann, shelf_of_six, query, wanted):
    assert search(database, ann, **query) == wanted
    assert search(database, ann, **query, limit=1) == wanted
    assert search(database, ann, **query, limit=2) == wanted


def test_versions_are_found_by_time(database, ann, enter, monkeypatch):
    start, real = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), clock.now
    for hour in range(3):
        monkeypatch.setattr(clock, "now", lambda hour=hour: start + dt.timedelta(hours=hour))
        enter("a")
    monkeypatch.setattr(clock, "now", real)
    one, two = start + dt.timedelta(hours=1), start + dt.timedelta(hours=2)
    assert search(database, ann, name="a", created_after=one) == ["a:3", "a:2"]
    assert search(database, ann, name="a", created_before=two) == ["a:2", "a:1"]
    assert search(database, ann, created_after=one, created_before=two) == ["a:2"]


def test_a_clock_that_goes_back_does_not_change_which_is_the_latest(database, ann, enter, monkeypatch):
    enter("a")
    monkeypatch.setattr(clock, "now", lambda: dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    enter("a")
    assert search(database, ann, name="a") == ["a:2", "a:1"]
    with database.read() as uow:
        assert service.get(uow, ann, SHELF, "a", "@latest").version == "2"


def test_workspaces_do_not_see_each_other(database, ann, enter):
    enter(tags={"a": "b"})
    with database.read() as uow:
        other = models.shelf("other")
        assert service.search(uow, ann, other, nouns.Query()) == ([], None)
        assert service.search(uow, ann, other, nouns.Query(tags=(("a", "b"),))) == ([], None)
        with pytest.raises(errors.NotFound):
            service.get(uow, ann, other, "churn", "1")


@pytest.mark.parametrize(
    "query", [{"cursor": "x"}, {"cursor": "1; DROP TABLE assets"}, {"limit": 0}, {"limit": 1001}]
)
def test_a_bad_page_is_refused(database, ann, query):
    with database.read() as uow, pytest.raises(errors.Invalid):
        service.search(uow, ann, SHELF, nouns.Query(**query))


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), min_size=2, max_size=2, unique=True))
@settings(max_examples=200)
def test_different_tags_have_different_terms(pairs):
    from zaffre.server.registry.versioning import store

    (key, value), (other_key, other_value) = pairs
    clean = ["\0" not in text for text in (key, value, other_key, other_value)]
    if all(clean):
        assert store.term("w", "k", key, value) != store.term("w", "k", other_key, other_value)


def test_a_search_by_tags_walks_only_indexes(database, ann, shelf_of_six):
    """The plan of a three-tag search: no table is read from end to end."""
    if not database.is_sqlite:
        pytest.skip("PostgreSQL rightly reads six rows without an index")
    shape = searching._Shape(
        terms=3, values=frozenset(), archived="exclude", one_per_name=False, newest_only=False
    )
    values = {"term0": 1, "term1": 2, "term2": 3, "workspace": "default", "kind": "models", "page": 10}
    with database.read() as uow:
        searching._statement(shape).run(uow.connection, values)
        text = searching._statement(shape)._compiled["sqlite"]._text
        plan = uow.connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {text.text}", tuple(text.ordered(values))
        ).all()
    steps = [row.detail for row in plan]
    assert not [step for step in steps if step.startswith("SCAN") or "TEMP B-TREE" in step], steps


def test_the_tag_that_is_rarest_of_late_leads(database):
    seen = searching._SEEN
    everywhere, now_and_then, never, a_few = 5, 6, 7, 8
    rows = [{"term": everywhere, "version_id": number} for number in range(6 * seen)]
    rows += [{"term": now_and_then, "version_id": number} for number in range(0, 6 * seen, 3)]
    rows += [{"term": a_few, "version_id": number} for number in range(seen - 1)]
    with database.write() as uow:
        uow.connection.execute(tables.tags.insert(), rows)
    with database.read() as uow:
        assert searching._rarest_first(uow, [everywhere, now_and_then]) == [now_and_then, everywhere]
        ordered = searching._rarest_first(uow, [everywhere, a_few, now_and_then, never])
    assert set(ordered[:2]) == {never, a_few}
    assert ordered[2:] == [now_and_then, everywhere]
