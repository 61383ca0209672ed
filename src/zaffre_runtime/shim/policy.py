"""When to start a process again and when its probe has failed: pure decisions, no clock, no process.

Called by the supervisor, which supplies times and exit codes and does what it is told.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional, Tuple

# Why an attempt was ended that ran for longer than its spec allows.
TIME_IS_OVER = "its time is over"


class Restart(NamedTuple):
    """The restart rules of a spec."""

    policy: str = "always"  # always | on-failure | never
    backoff_s: float = 0.5
    backoff_max_s: float = 60.0
    stable_s: float = 30.0
    max_restarts: Optional[int] = None
    fatal_exit_codes: Tuple[int, ...] = (3, 4)

    @classmethod
    def parse(cls, table: Dict[str, Any]) -> Restart:
        """From the spec's JSON; absent keys keep their default."""
        rules = cls(**table)
        return rules._replace(fatal_exit_codes=tuple(rules.fatal_exit_codes))


class Exit(NamedTuple):
    """How an attempt ended. `code` is negative for a signal; `forced` says why the shim itself killed it."""

    code: int
    uptime_s: float
    ever_ready: bool
    forced: str = ""
    never_ran: str = ""
    passing: bool = False  # it never ran for want of something that may come back


class Verdict(NamedTuple):
    """`state` is backoff, exited or failed; after backoff comes another start in `delay_s`. `failures` is the new count."""

    state: str
    reason: str
    delay_s: float = 0.0
    failures: int = 0


def describe(code: int) -> str:
    """An exit code in words."""
    if code < 0:
        return f"killed by signal {-code}"
    return f"exited with code {code}"


def decide(rules: Restart, ending: Exit, failures: int) -> Verdict:
    """What follows an exit, after `failures` earlier ones in a row that were never stable in between."""
    what = ending.never_ran or ending.forced or describe(ending.code)
    clean = ending.code == 0 and not ending.forced and not ending.never_ran
    if rules.policy == "never" or (rules.policy == "on-failure" and clean):
        return Verdict("exited" if clean else "failed", what)
    if not ending.ever_ready and _is_fatal(rules, ending):
        return Verdict("failed", what + "; it was never ready, so it is not started again")
    failures = 1 if ending.uptime_s >= rules.stable_s else failures + 1
    if rules.max_restarts is not None and failures > rules.max_restarts:
        return Verdict("failed", f"{what}; {rules.max_restarts} restarts in a row did not help")
    return Verdict("backoff", what, backoff(rules, failures), failures)


def backoff(rules: Restart, failures: int) -> float:
    """The pause before the next start: doubles with every failure in a row, up to the limit."""
    exponent = min(max(failures, 1) - 1, 30)
    return float(min(rules.backoff_max_s, rules.backoff_s * 2.0**exponent))


def _is_fatal(rules: Restart, ending: Exit) -> bool:
    final = ending.forced or (ending.never_ran and not ending.passing)
    return bool(final) or ending.code in rules.fatal_exit_codes


class Thresholds(NamedTuple):
    """Consecutive probe results since ready. Kubernetes' meaning: a run of successes forgives, a run of failures kills."""

    success_threshold: int = 1
    failure_threshold: int = 30
    successes: int = 0
    failures: int = 0

    def after(self, success: bool) -> Thresholds:
        """The counts after one more result."""
        if not success:
            return self._replace(successes=0, failures=self.failures + 1)
        successes = self.successes + 1
        forgiven = successes >= self.success_threshold
        return self._replace(successes=successes, failures=0 if forgiven else self.failures)

    @property
    def failed(self) -> bool:
        """Whether the process counts as dead."""
        return self.failures >= self.failure_threshold
