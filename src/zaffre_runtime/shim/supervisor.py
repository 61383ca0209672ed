"""The shim's loop: one thread that starts, watches, probes, restarts and stops one process, and writes down what is so.

Called by `__main__`. Every wait is one poll; nothing in it may raise because of a full disk or a vanished folder.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import time
from typing import Any, Dict, List, Optional, Tuple

from zaffre_runtime.shim import gap, limits, logs, policy, records, spawn, state, stragglers, wakeups, watch
from zaffre_runtime.shim import home as home_of

_LOOK_S = 1.0  # how often the folder is looked at without a poke
_KILL_GRACE_S = 2.0
_UNASKED_DRAIN_S = 2.0
_PASSING = (
    errno.EAGAIN,
    errno.ENOMEM,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOSPC,
)  # may be better at the next try


class Supervisor:
    """One service. `run` returns when it has ended for good."""

    def __init__(self, home: home_of.Home) -> None:
        spec = home.spec
        self._home = home
        self._rules = policy.Restart.parse(spec.get("restart", {}))
        self._start_timeout_s = float(spec.get("start_timeout_s") or "inf")
        self._time_limit_s = float(spec.get("time_limit_s") or "inf")
        self._log = logs.LogWriter(home.log_folder, int(spec.get("log_max_bytes", 64 << 20)))
        self._watch = watch.Watches(spec.get("liveness"), spec.get("readiness"))
        address = spec.get("kept_address")
        self._gap = gap.Gap((str(address[0]), int(address[1])) if address else None)
        self._group = limits.ControlGroup(
            str(spec.get("limits_group") or home.unique_name), spec.get("limits", {})
        )
        self._record = state.StateRecord(
            home.folder,
            isolated=not home.not_isolated,
            isolation_reason=home.not_isolated,
            limits_enforced=self._group.enforced,
            limits_reason=self._group.reason,
            control_groups=self._group.folders,
        )
        self._attempt: Optional[spawn.Attempt] = None
        self._ready: Dict[int, int] = {}
        self._failures = 0
        self._resting = False
        self._memory_kills = self._group.out_of_memory_kills()
        self._forced = ""
        self._asked: Optional[float] = None
        self._started = self._ready_since = 0.0
        self._next_start = self._next_look = watch.NEVER
        self._wakeups = wakeups.Wakeups(home.folder)

    # --- the loop ---

    def run(self) -> None:
        """Until the process is stopped, has ended for good, or the folder is gone."""
        stragglers.end_all(self._home.folder, 0)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._look_at_folder(time.monotonic())
        if self._record.state not in state.FINAL:
            self._start_attempt(time.monotonic())
        while self._record.state not in state.FINAL:
            self._wait()
            now = time.monotonic()
            self._reap(now)
            if now >= self._next_look:
                self._look_at_folder(now)
            self._keep_times(now)
        self._finish()

    def _on_signal(self, *_: Any) -> None:
        self._asked = _UNASKED_DRAIN_S
        self._next_look = 0.0

    def _wait(self) -> None:
        kill_at = self._attempt.kill_at if self._attempt else watch.NEVER
        until = min(self._next_look, self._next_start, kill_at, self._watch.deadline(), self._gap.deadline())
        self._ready = self._wakeups.wait(self._watched(), until=until, at_most_s=_LOOK_S)
        if self._attempt:
            self._hear_report()  # before the output: who sees output also sees the PID
        if self._attempt and self._attempt.output in self._ready:
            self._attempt.copy_output(self._log.write, once=True)
        if self._wakeups.poked(self._ready):
            asked = self._wakeups.drain_asked()
            self._asked = self._asked if asked is None else asked
            self._next_look = 0.0

    def _watched(self) -> List[Tuple[int, int]]:
        watched: List[Tuple[int, int]] = []
        if self._attempt and not self._attempt.output_ended:
            watched.append((self._attempt.output, select.POLLIN))
        if self._attempt and not self._attempt.running:
            watched.append((self._attempt.report, select.POLLIN))
        if self._record.state == "asleep" and self._home.door:
            watched.append((self._home.door.fileno(), select.POLLIN))
        return watched + self._watch.watched()

    def _look_at_folder(self, now: float) -> None:
        self._next_look = now + _LOOK_S
        if self._log.dropped_bytes != self._record.log_dropped_bytes:
            self._record.set(log_dropped_bytes=self._log.dropped_bytes)
        self._record.flush()
        drain_s = self._home.stop_request() if self._asked is None else self._asked
        if not self._home.is_there():
            self._begin_stop(now, _UNASKED_DRAIN_S)
        elif drain_s is not None:
            self._begin_stop(now, drain_s)
        else:
            self._heed_rest(now)
            if self._has_lasted(now):
                self._failures = 0

    # --- starting ---

    def _start_attempt(self, now: float) -> None:
        self._next_start = watch.NEVER
        self._forced = ""
        self._log.begin_attempt()
        self._started, self._ready_since = now, 0.0
        try:
            self._home.prepare()
            self._attempt = spawn.start(self._home.launch(self._group))
        except OSError as error:
            never_ran = policy.Exit(spawn.NOT_STARTED, 0.0, self._record.ever_ready, never_ran=str(error))
            self._ended(never_ran._replace(passing=error.errno in _PASSING), now)
            return
        self._record.set(
            state="starting",
            started_at=records.utc_now(),
            ready_at=None,
            pid=self._attempt.pid,
            unbound=self._home.unbound(),
        )
        self._watch.start(now)

    # --- watching ---

    def _hear_report(self) -> None:
        assert self._attempt is not None
        if self._attempt.running:
            return
        self._attempt.read_report()
        if self._attempt.running:
            unbound = self._home.unbound() + self._attempt.unbound
            self._record.set(
                pid=self._attempt.pid, unbound=unbound, log_dropped_bytes=self._log.dropped_bytes
            )
            if not self._watch.exists and self._record.state == "starting":
                self._became_ready(time.monotonic())

    def _keep_times(self, now: float) -> None:
        self._gap.tick(now)
        if now >= self._next_start:
            self._start_attempt(now)
        if self._attempt is None:
            self._answer_knock(now)
            return
        self._attempt.kill_when_due(now)
        verdict = self._watch.step(now, self._ready)
        if verdict == "ready" and self._record.state == "starting":
            self._became_ready(now)
        elif verdict == "failed":
            self._force("its liveness probe failed too often in a row", now)
        elif verdict == "hidden" and self._home.door:
            self._home.door.hold()
        elif verdict == "shown" and self._home.door:
            self._home.door.answer()
        if self._record.state == "starting" and now - self._started >= self._start_timeout_s:
            self._force(f"not ready within {self._start_timeout_s:g} s", now)
        if now - self._started >= self._time_limit_s:
            self._force(policy.TIME_IS_OVER, now)

    def _became_ready(self, now: float) -> None:
        self._ready_since = now
        if self._home.door:
            self._home.door.answer()
        self._gap.release()
        self._record.set(state="running", ready_at=records.utc_now(), reason="")
        if self._watch.exists:
            self._record.set(ever_ready=True)

    def _has_lasted(self, now: float) -> bool:
        stable = bool(self._ready_since) and now - self._ready_since >= self._rules.stable_s
        if stable and not self._record.ever_ready:
            self._record.set(ever_ready=True)  # without a probe, lasting counts as ready
        return stable

    # --- resting ---

    def _heed_rest(self, now: float) -> None:
        """Let a process that answers end until it is needed, or start one that sleeps. A wish that comes at another
        moment is dropped: who wants it asks again."""
        wish = records.take_rest_request(self._home.folder)
        if wish is None or not self._home.door:
            return
        if not wish.get("asleep"):
            if self._record.state == "asleep":
                self._start_attempt(now)
        elif self._record.state == "running" and self._attempt and not (self._forced or self._resting):
            self._resting = True
            self._watch.stop()
            self._home.door.hold()
            self._attempt.end(kill_at=now + float(wish.get("drain_s", 0)))

    def _answer_knock(self, now: float) -> None:
        """Somebody waits at the door of a process that sleeps: start it, and it takes them in."""
        if self._record.state == "asleep" and self._home.door and self._home.door.fileno() in self._ready:
            self._record.set(woken_at=records.utc_now())
            self._start_attempt(now)

    # --- ending ---

    def _force(self, reason: str, now: float) -> None:
        assert self._attempt is not None
        if self._forced or self._record.state == "stopping":
            return
        self._forced = reason
        self._watch.stop()
        self._log.note("ending the process: " + reason)
        if self._home.door:
            self._home.door.hold()
        self._attempt.end(kill_at=now + _KILL_GRACE_S)

    def _begin_stop(self, now: float, drain_s: float) -> None:
        if self._record.state == "stopping":
            if self._attempt:
                self._attempt.kill_at = min(
                    self._attempt.kill_at, now + drain_s
                )  # this one may be less patient
            return
        self._next_start = watch.NEVER
        self._watch.stop()
        self._gap.drop()
        if self._home.door:
            self._home.door.shut()
        if self._attempt is None:
            self._record.set(state="stopped", pid=None)
            return
        self._record.set(state="stopping")
        self._attempt.end(kill_at=now + drain_s)

    def _reap(self, now: float) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self._attempt and pid == self._attempt.leader:
                self._attempt_ended(status, now)

    def _attempt_ended(self, status: int, now: float) -> None:
        attempt = self._attempt
        assert attempt is not None
        if self._record.state == "running":
            self._gap.hold(now)
        if self._home.door:
            self._home.door.hold()
        stragglers.end_all(self._home.folder, attempt.leader)
        attempt.copy_output(self._log.write, once=False)
        code = attempt.exit_code(status)
        problem = attempt.problem
        if not problem and self._group.out_of_memory_kills() > self._memory_kills:
            self._memory_kills = self._group.out_of_memory_kills()
            self._forced = self._forced or "the kernel ended it: it used more memory than its limit"
        attempt.close()
        self._attempt = None
        self._watch.stop()
        uptime = now - self._ready_since if self._ready_since else 0.0
        self._ended(policy.Exit(code, uptime, self._record.ever_ready, self._forced, problem), now)

    def _ended(self, ending: policy.Exit, now: float) -> None:
        last_exit = {
            "code": ending.code,
            "at": records.utc_now(),
            "reason": ending.never_ran or ending.forced or policy.describe(ending.code),
            "last_lines": self._log.last_lines(),
        }
        if self._record.state == "stopping":
            self._log.note("stopped: " + policy.describe(ending.code))
            self._record.set(state="stopped", pid=None, last_exit=last_exit, reason="")
            return
        if self._resting:
            self._resting = False
            self._log.note("asleep until a request comes")
            self._record.set(state="asleep", pid=None, ready_at=None, reason="")
            return
        verdict = policy.decide(self._rules, ending, self._failures)
        self._failures = verdict.failures
        self._log.note(
            verdict.reason
            + (f"; next start in {verdict.delay_s:.1f} s" if verdict.state == "backoff" else "")
        )
        changes: Dict[str, Any] = {
            "state": verdict.state,
            "pid": None,
            "reason": verdict.reason,
            "last_exit": last_exit,
        }
        if verdict.state == "backoff":
            self._next_start = now + verdict.delay_s
            changes["restarts"] = self._record.restarts + 1
        self._record.set(**changes)

    def _finish(self) -> None:
        self._gap.drop()
        self._wakeups.close()
        self._group.remove()
        self._home.leave()
        self._record.flush()
