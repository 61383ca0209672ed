import pytest

from zaffre.core import errors
from zaffre.server.access import authentication, callers, tokens

ADMIN = callers.system("test")


def make(database, **more):
    with database.write() as uow:
        return tokens.create(uow, ADMIN, name="ci", grants=[callers.Grant("reader")], **more)


def test_a_token_is_looked_up_once_and_then_known(database):
    text, _ = make(database)
    guard = authentication.Authenticator(database)
    assert guard.known(text) is None
    assert guard.look_up(text).name == "ci"
    assert guard.known(text).name == "ci"


def test_a_revoked_token_is_forgotten_at_once(database):
    text, record = make(database)
    guard = authentication.Authenticator(database)
    guard.look_up(text)
    with database.write() as uow:
        tokens.revoke(uow, ADMIN, record["id"])
    assert guard.known(text) is None
    with pytest.raises(errors.Unauthenticated):
        guard.look_up(text)


def test_a_token_that_is_revoked_while_it_is_read_is_not_remembered(database, monkeypatch):
    text, _ = make(database)
    guard = authentication.Authenticator(database)
    read = tokens.authenticate

    def revoked_meanwhile(uow, given):
        found = read(uow, given)
        guard.forget()
        return found

    monkeypatch.setattr(tokens, "authenticate", revoked_meanwhile)
    guard.look_up(text)
    assert guard.known(text) is None


def test_an_expired_token_is_not_known(database):
    text, _ = make(database, lifetime_s=0.000001)
    guard = authentication.Authenticator(database)
    with pytest.raises(errors.Unauthenticated):
        guard.look_up(text)
    assert guard.known(text) is None


def test_a_wrong_token_is_never_remembered(database):
    guard = authentication.Authenticator(database)
    with pytest.raises(errors.Unauthenticated):
        guard.look_up("zf_wrong")
    assert guard.known("zf_wrong") is None


def test_a_question_is_another_once_any_token_changed(database):
    guard = authentication.Authenticator(database)
    before = guard.question("zf_one")
    assert guard.question("zf_one") == before != guard.question("zf_two")
    make(database)
    assert guard.question("zf_one") == before
    guard.forget()
    assert guard.question("zf_one") != before
