"""Starts that did not come about, and why: kept by the reconciler for whoever looks at the deployment.

In memory only: a new server finds out by trying once. No process that lives or once lived is told of here.
"""

import dataclasses
import time
from collections.abc import Container, Mapping

from zaffre.core import errors
from zaffre.server.endpoints.online import facts

_AGAIN_S = 1.0
_FINAL_AGAIN_S = 30.0
"""Of a process that serves nothing is given up: what rules it out may be mended outside, such as a table of sizes."""

_PASSING = (errors.Unavailable, errors.Conflict, errors.TooMany, OSError)


@dataclasses.dataclass(frozen=True)
class _Refused:
    reason: str
    final: bool
    at: float


class Refusals:
    """`again_s` and `final_again_s`: after how long a start is due again that may work soon, or never would as it is."""

    def __init__(self, *, again_s: float = _AGAIN_S, final_again_s: float = _FINAL_AGAIN_S) -> None:
        self._again_s = again_s
        self._final_again_s = final_again_s
        self._known: dict[facts.Slot, _Refused] = {}

    def add(self, slot: facts.Slot, error: Exception) -> bool:
        """Remember why a slot was not started; whether that is news."""
        before = self._known.get(slot)
        self._known[slot] = _Refused(str(error), not isinstance(error, _PASSING), time.monotonic())
        return before is None or before.reason != str(error)

    def forget(self, slot: facts.Slot) -> None:
        """It was started."""
        self._known.pop(slot, None)

    def keep(self, planned: Container[facts.Slot]) -> None:
        """Forget the slots that nobody wants to start any more."""
        self._known = {slot: refused for slot, refused in self._known.items() if slot in planned}

    def facts(self) -> Mapping[facts.Slot, facts.Refusal]:
        """What is to be decided from."""
        now = time.monotonic()
        return {
            slot: facts.Refusal(
                one.reason,
                one.final,
                due=now - one.at >= (self._final_again_s if one.final else self._again_s),
            )
            for slot, one in self._known.items()
        }
