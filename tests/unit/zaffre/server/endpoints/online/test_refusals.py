"""What is remembered of starts that did not come about."""

from zaffre.core import errors
from zaffre.server.endpoints.online import facts, refusals

ONE, TWO = facts.Slot("r1", 0, 0), facts.Slot("r1", 1, 0)


def test_what_may_pass_and_what_will_not():
    known = refusals.Refusals(again_s=0, final_again_s=3600)
    assert known.add(ONE, errors.NotFound("No secret x.", hint="Set it."))
    assert known.add(TWO, OSError("disk full"))
    assert known.facts() == {
        ONE: facts.Refusal("No secret x. Set it.", final=True, due=False),
        TWO: facts.Refusal("disk full", final=False, due=True),
    }


def test_it_is_news_once_and_forgotten_when_it_is_over():
    known = refusals.Refusals()
    assert known.add(ONE, errors.Unavailable("others have it"))
    assert not known.add(ONE, errors.Unavailable("others have it"))
    assert known.add(ONE, errors.Invalid("no such size"))
    known.add(TWO, errors.Invalid("no such size"))
    known.forget(ONE)
    assert set(known.facts()) == {TWO}
    known.keep({ONE})
    assert known.facts() == {}
