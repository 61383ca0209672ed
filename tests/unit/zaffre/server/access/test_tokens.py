import pytest

from zaffre.core import errors
from zaffre.server.access import callers, tokens

ADMIN = callers.system("test")


def make(database, **more):
    with database.write() as uow:
        return tokens.create(uow, ADMIN, name="ci", grants=[callers.Grant("reader", "default")], **more)


def who(database, text):
    with database.read() as uow:
        return tokens.authenticate(uow, text)[0]


def test_a_token_names_its_caller_and_grants(database):
    text, record = make(database)
    caller = who(database, text)
    assert (caller.name, caller.token_id) == ("ci", record["id"])
    callers.require(caller, "models/read", "workspaces/default/models/churn:3")
    with pytest.raises(errors.Denied):
        callers.require(caller, "models/write", "workspaces/default/models/churn:3")
    with pytest.raises(errors.Denied):
        callers.require(caller, "models/read", "workspaces/other/models/churn:3")


def test_every_way_of_being_wrong_gets_the_same_answer(database):
    text, _ = make(database)
    expired, _ = make(database, lifetime_s=-1)
    revoked, gone = make(database)
    with database.write() as uow:
        tokens.revoke(uow, ADMIN, gone["id"])
    texts = set()
    for bad in ("", "x", text[:-1] + "_", f"zf_{'0' * 12}_{text[16:]}", expired, revoked, text + "x"):
        if bad == text:
            continue
        with pytest.raises(errors.Unauthenticated) as caught:
            who(database, bad)
        texts.add(str(caught.value))
    assert len(texts) == 1


def test_the_secret_is_never_shown_again(database):
    text, _ = make(database)
    with database.read() as uow:
        assert text.split("_", 2)[2] not in str(tokens.list_all(uow, ADMIN))


def test_an_unknown_role_is_refused_with_the_known_ones(database):
    with database.write() as uow, pytest.raises(errors.Invalid, match="contributor"):
        tokens.create(uow, ADMIN, name="x", grants=[callers.Grant("king")])


def test_only_an_administrator_makes_tokens(database):
    reader = callers.Caller("r", grants=(callers.Grant("contributor"),))
    with database.write() as uow, pytest.raises(errors.Denied):
        tokens.create(uow, reader, name="x", grants=[])


def test_reading_everything_does_not_mean_reading_tokens():
    reader = callers.Caller("r", grants=(callers.Grant("reader"),))
    assert callers.allowed(reader, "models/read", "workspaces/w/models/m")
    assert not callers.allowed(reader, "tokens/read", "server")
