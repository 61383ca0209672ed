"""Probes over the life of one attempt: every 100 ms until the first success, then by their own periods.

Called by the supervisor at each turn of its loop.
"""

from __future__ import annotations

from typing import Any, Container, Dict, List, Optional, Tuple

from zaffre_runtime.shim import policy, probe

NEVER = float("inf")
_STARTUP_PERIOD_S = 0.1


class Watches:
    """Both probes of a service: `liveness` says when it is ready and when it counts as dead; `readiness`, from then on, when
    it does not answer for a while."""

    def __init__(self, liveness: Optional[Dict[str, Any]], readiness: Optional[Dict[str, Any]]) -> None:
        self._liveness, self._readiness = Watch(liveness), Watch(readiness)

    @property
    def exists(self) -> bool:
        """Whether somebody says when it is ready."""
        return self._liveness.exists

    def start(self, now: float) -> None:
        """A new attempt."""
        self.stop()
        self._liveness.start(now)

    def stop(self) -> None:
        """Nothing to look at any more."""
        self._liveness.stop()
        self._readiness.stop()

    def deadline(self) -> float:
        """When `step` must be called at the latest."""
        return min(self._liveness.deadline(), self._readiness.deadline())

    def watched(self) -> List[Tuple[int, int]]:
        """Descriptors and events to wait for."""
        return self._liveness.watched() + self._readiness.watched()

    def step(self, now: float, ready: Container[int]) -> str:
        """Go on: `ready` once, `failed` when it counts as dead, `hidden` or `shown` as it answers, or nothing."""
        verdict = self._liveness.step(now, ready)
        if verdict == "ready":
            self._readiness.start(now, answers=True)
        return verdict or {"failed": "hidden", "ready": "shown"}.get(self._readiness.step(now, ready), "")


class Watch:
    """One probe: says `ready` when the process answers, `failed` when it did not too many times in a row, and `ready` again
    when it does after that. Without a probe it never says anything."""

    def __init__(self, table: Optional[Dict[str, Any]]) -> None:
        self._probe = probe.Probe(table) if table else None
        self._look: Optional[probe.Look] = None
        self._thresholds = policy.Thresholds()
        self._started = 0.0
        self._is_ready = False
        self._next = NEVER

    @property
    def exists(self) -> bool:
        """Whether there is a probe at all."""
        return self._probe is not None

    def start(self, now: float, *, answers: bool = False) -> None:
        """A new attempt, or one that is known to answer already."""
        self.stop()
        if self._probe is None:
            return
        self._thresholds = policy.Thresholds(self._probe.success_threshold, self._probe.failure_threshold)
        self._started, self._is_ready = now, answers
        usual = max(self._probe.period_s, self._probe.initial_delay_s)
        self._next = now + (usual if answers else _STARTUP_PERIOD_S)

    def stop(self) -> None:
        """Nothing to look at any more."""
        if self._look:
            self._look.close()
        self._look, self._next = None, NEVER

    def deadline(self) -> float:
        """When `step` must be called at the latest: at once where a look ended as it began, with nobody there."""
        if self._look is None:
            return self._next
        return self._look.deadline if self._look.result is None else 0.0

    def watched(self) -> List[Tuple[int, int]]:
        """Descriptors and events to wait for."""
        return [(self._look.fileno(), self._look.events)] if self._look and self._look.result is None else []

    def step(self, now: float, ready: Container[int]) -> str:
        """Go on."""
        if self._look is None:
            if self._probe and now >= self._next:
                self._look = self._probe.begin(now)
            return ""
        self._look.advance(now, ready=self._look.fileno() in ready)
        if self._look.result is None:
            return ""
        success, self._look = self._look.result, None
        return self._count(success, now)

    def _count(self, success: bool, now: float) -> str:
        assert self._probe is not None
        if not self._is_ready:
            self._is_ready = success
            if not success:
                self._next = now + _STARTUP_PERIOD_S
                return ""
            self._next = max(now + self._probe.period_s, self._started + self._probe.initial_delay_s)
            return "ready"
        self._next = now + self._probe.period_s
        failed, self._thresholds = self._thresholds.failed, self._thresholds.after(success)
        if self._thresholds.failed:
            return "failed"
        return "ready" if failed else ""
