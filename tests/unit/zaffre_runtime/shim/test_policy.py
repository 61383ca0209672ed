"""The restart rules, for all numbers."""

from hypothesis import given
from hypothesis import strategies as st

from zaffre_runtime.shim import policy

exits = st.builds(
    policy.Exit,
    code=st.integers(-64, 255),
    uptime_s=st.floats(0, 1e6),
    ever_ready=st.booleans(),
    forced=st.sampled_from(["", "its liveness probe failed"]),
    never_ran=st.sampled_from(["", "no such program"]),
)
rules = st.builds(
    policy.Restart,
    policy=st.sampled_from(["always", "on-failure", "never"]),
    backoff_s=st.floats(0.001, 10),
    backoff_max_s=st.floats(10, 1000),
    stable_s=st.floats(0.1, 1000),
    max_restarts=st.none() | st.integers(0, 10),
)


@given(rules, exits, st.integers(0, 10_000))
def test_every_verdict_is_sane(rule, ending, failures):
    verdict = policy.decide(rule, ending, failures)
    assert verdict.state in ("backoff", "exited", "failed")
    assert verdict.reason
    if verdict.state == "backoff":
        assert 0 < verdict.delay_s <= rule.backoff_max_s
        assert verdict.failures >= 1
    if verdict.state == "exited":
        assert ending.code == 0


@given(rules, exits)
def test_never_is_never_restarted(rule, ending):
    verdict = policy.decide(rule._replace(policy="never"), ending, 0)
    assert verdict.state != "backoff"


@given(rules, exits, st.integers(0, 50))
def test_what_was_ready_once_is_tried_again_without_a_limit(rule, ending, failures):
    rule = rule._replace(policy="always", max_restarts=None)
    assert policy.decide(rule, ending._replace(ever_ready=True), failures).state == "backoff"


@given(rules, st.integers(0, 100), st.integers(0, 100))
def test_pauses_only_grow(rule, one, other):
    less, more = sorted((one, other))
    assert policy.backoff(rule, less) <= policy.backoff(rule, more)


def test_a_fatal_code_is_final_until_it_was_ready():
    rule = policy.Restart()
    ending = policy.Exit(code=3, uptime_s=0, ever_ready=False)
    assert policy.decide(rule, ending, 0).state == "failed"
    assert policy.decide(rule, ending._replace(code=1), 0).state == "backoff"
    assert policy.decide(rule, ending._replace(ever_ready=True), 0).state == "backoff"


def test_a_stable_time_forgives_earlier_failures():
    rule = policy.Restart(backoff_s=1, stable_s=30)
    ending = policy.Exit(code=1, uptime_s=29, ever_ready=True)
    assert policy.decide(rule, ending, 4).delay_s == 16
    assert policy.decide(rule, ending._replace(uptime_s=30), 4).delay_s == 1


def test_on_failure_leaves_a_clean_end_alone_but_not_a_forced_one():
    rule = policy.Restart(policy="on-failure")
    ending = policy.Exit(code=0, uptime_s=1, ever_ready=True)
    assert policy.decide(rule, ending, 0).state == "exited"
    assert policy.decide(rule, ending._replace(forced="liveness"), 0).state == "backoff"


def test_thresholds_count_runs():
    counts = policy.Thresholds(success_threshold=2, failure_threshold=3)
    for success in (False, False, True, False):
        counts = counts.after(success)
    assert counts.failed  # one success of two needed forgives nothing
    counts = policy.Thresholds(success_threshold=1, failure_threshold=3)
    for success in (False, False, True, False, False):
        counts = counts.after(success)
        assert not counts.failed
    assert counts.after(False).failed


def test_rules_come_from_json():
    rule = policy.Restart.parse({"policy": "never", "fatal_exit_codes": [7]})
    assert (rule.policy, rule.fatal_exit_codes, rule.stable_s) == ("never", (7,), 30.0)
