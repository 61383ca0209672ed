import pytest

from zaffre.core import errors
from zaffre.server.registry.models import service as models
from zaffre.server.registry.versioning import aliases, changes, nouns, service

SHELF = models.shelf("default")


def change(database, caller, version="1", *, if_match=None, **wanted):
    with database.write() as uow:
        return changes.update(uow, caller, SHELF, "churn", version=version, changes=wanted, if_match=if_match)


def found(database, caller, **query):
    with database.read() as uow:
        return [(v.name, v.version) for v in service.search(uow, caller, SHELF, nouns.Query(**query))[0]]


def test_tags_change_freely_and_the_search_knows_at_once(database, ann, enter, facts):
    enter(tags={"team": "red", "kept": "1"})
    changed = change(database, ann, tags={"team": "blue", "kept": "1"})
    assert changed.tags == {"team": "blue", "kept": "1"}
    assert found(database, ann, tags=(("team", "red"),)) == []
    assert found(database, ann, tags=(("team", "blue"), ("kept", "1"))) == [("churn", "1")]
    assert facts()[-1][:2] == ("ModelUpdated", "models/churn:1")
    assert facts()[-1][2]["changes"] == {"tags": {"team": "blue", "kept": "1"}}


def test_properties_are_added_and_never_changed(database, ann, enter):
    enter(properties={"auc": "0.9"})
    assert change(database, ann, properties={"f1": "0.8"}).properties == {"auc": "0.9", "f1": "0.8"}
    with pytest.raises(errors.AlreadyExists, match="stays so"):
        change(database, ann, properties={"auc": "0.91"})


def test_registering_equal_content_again_takes_over_what_may_change(enter):
    enter(version="1", tags={"a": "1"}, description="old", properties={"p": "1"})
    again = enter(version="1", tags={"b": "2"}, description="new", properties={"q": "2"})
    assert (again.tags, again.description, again.properties) == ({"b": "2"}, "new", {"p": "1", "q": "2"})
    assert enter(version="1").tags == {"b": "2"}


@pytest.mark.parametrize("key", ["path", "type", "name", "flavors", "nonsense"])
def test_content_never_changes(database, ann, enter, key):
    enter()
    with pytest.raises(errors.Invalid, match="never changes"):
        change(database, ann, **{key: "x"})


@pytest.mark.parametrize(
    "wanted", [{"tags": {"a": 1}}, {"tags": ["a"]}, {"archived": "yes"}, {"stage": 3}, {"description": "a\0"}]
)
def test_changes_of_the_wrong_type_are_refused(database, ann, enter, wanted):
    enter()
    with pytest.raises(errors.Invalid):
        change(database, ann, **wanted)


def test_a_change_on_what_somebody_else_changed_is_a_conflict(database, ann, enter):
    enter()
    with database.read() as uow:
        seen = service.get(uow, ann, SHELF, "churn", "1").etag
    after = change(database, ann, if_match=seen, stage="Production")
    with pytest.raises(errors.Conflict, match="somebody else"):
        change(database, ann, if_match=seen, stage="Archived")
    assert change(database, ann, if_match=after.etag, stage=None).stage is None


def test_a_change_to_the_same_is_no_event(database, ann, enter, facts):
    enter(stage="Production")
    etag = change(database, ann, stage="Production").etag
    assert change(database, ann, stage="Production").etag == etag
    assert [fact[0] for fact in facts()] == ["ModelRegistered"]


def test_an_archived_version_is_hidden_and_not_the_latest(database, ann, enter, facts):
    enter(), enter()
    change(database, ann, "2", archived=True)
    with database.read() as uow:
        assert service.get(uow, ann, SHELF, "churn", "@latest").version == "1"
        assert service.get(uow, ann, SHELF, "churn", "2").archived
    assert found(database, ann, name="churn") == [("churn", "1")]
    assert found(database, ann, name="churn", archived="only") == [("churn", "2")]
    assert found(database, ann, name="churn", archived="include") == [("churn", "2"), ("churn", "1")]
    change(database, ann, "2", archived=False)
    assert found(database, ann) == [("churn", "2")]
    assert [fact[0] for fact in facts()][-2:] == ["ModelArchived", "ModelRestored"]


def test_a_whole_name_is_archived_and_restored(database, ann, enter, facts):
    enter(), enter("other")
    with database.write() as uow:
        changes.archive(uow, ann, SHELF, "churn", archived=True)
        changes.archive(uow, ann, SHELF, "churn", archived=True)
    assert found(database, ann) == [("other", "1")]
    assert found(database, ann, archived="only") == [("churn", "1")]
    assert found(database, ann, archived="include") == [("other", "1"), ("churn", "1")]
    with database.write() as uow:
        changes.archive(uow, ann, SHELF, "churn", archived=False)
    assert found(database, ann) == [("other", "1"), ("churn", "1")]
    assert [fact[:2] for fact in facts()][-2:] == [
        ("ModelArchived", "models/churn"),
        ("ModelRestored", "models/churn"),
    ]


def test_aliases_move_and_remember(database, ann, enter, facts):
    enter(), enter()
    with database.write() as uow:
        for version in ("1", "1", "2", "@champion"):
            aliases.move(uow, ann, SHELF, "churn", "champion", version=version)
        assert service.get(uow, ann, SHELF, "churn", "@champion").labels == ("latest", "champion")
        assert aliases.list_all(uow, ann, SHELF, "churn") == [
            {"alias": "latest", "version": "2"},
            {"alias": "champion", "version": "2"},
        ]
        past = aliases.history(uow, ann, SHELF, "churn", "champion")
    assert [(move["previous"], move["version"], move["actor"], move["reason"]) for move in past] == [
        ("1", "2", "ann", "a good one"),
        (None, "1", "ann", "a good one"),
    ]
    assert [fact[2]["version"] for fact in facts() if fact[0] == "AliasMoved"] == ["1", "2"]


def test_an_alias_ends_with_its_version_and_its_history_stays(database, ann, enter):
    enter(), enter()
    with database.write() as uow:
        aliases.move(uow, ann, SHELF, "churn", "champion", version="1")
        service.delete(uow, ann, SHELF, "churn", "1")
        with pytest.raises(errors.NotFound):
            service.get(uow, ann, SHELF, "churn", "@champion")
        assert [m["version"] for m in aliases.history(uow, ann, SHELF, "churn", "champion")] == [None, "1"]
        with pytest.raises(errors.NotFound):
            aliases.remove(uow, ann, SHELF, "churn", "champion")


@pytest.mark.parametrize("alias", ["latest", "LATEST", "a b", "../x", "@x", ""])
def test_an_alias_follows_the_rule_of_names(database, ann, enter, alias):
    enter()
    with database.write() as uow, pytest.raises(errors.Invalid):
        aliases.move(uow, ann, SHELF, "churn", alias, version="1")


def test_a_file_may_name_aliases_that_its_version_takes_over(database, ann, enter):
    enter(zaffre={"aliases": ["champion"]})
    assert enter(zaffre={"aliases": ["champion"]}).status.labels == ["latest", "champion"]
    with database.read() as uow:
        assert service.get(uow, ann, SHELF, "churn", "@champion").version == "2"
