"""Environments built and files placed on threads of their own, so that one slow build holds up nobody else.

What is prepared is remembered in memory only: after a restart it is asked for again and found on disk at once.
"""

import concurrent.futures
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from zaffre.core import errors
from zaffre.server import operations
from zaffre.server.artifacts import placing
from zaffre.server.endpoints.online import facts, materials, optimizing, replicas
from zaffre.server.environments import builds, errands

log = logging.getLogger(__name__)

_MOST_TRIES = 3
_PAUSE_S = 3.0

Environments = Callable[[str, dict[str, Any], errands.Errand], tuple[builds.BuiltEnvironment, str | None]]
"""Locks (once) and builds the environment of a revision: (workspace, what it was resolved to, for whom); says also what everybody should know of it, such as that another Python stands in."""


@dataclasses.dataclass
class _Failures:
    """How often a set could not be prepared because something was not reachable, and when it is tried again."""

    count: int = 0
    until: float = dataclasses.field(default_factory=lambda: time.monotonic() + _PAUSE_S)


class _Asked:
    """A set that was asked for: its preparation, and whether somebody still wants it."""

    def __init__(self, said: list[str], closing: threading.Event) -> None:
        self.given_up = threading.Event()
        self.errand = errands.Errand(said.append, self._check)
        self.future: concurrent.futures.Future[replicas.Prepared]
        self._closing = closing

    def _check(self) -> None:
        if self._closing.is_set():
            raise InterruptedError("the server stops")
        if self.given_up.is_set():
            raise operations.GivenUp("Nobody wants this any more.")


class Preparations:
    """`when_done` is called from a worker thread whenever one ends."""

    def __init__(
        self,
        folder: Path,
        environments: Environments,
        blobs: placing.Placer,
        tree: Callable[[str, str], Any],
        *,
        optimizer: optimizing.Optimizer | None = None,
        threads: int = 4,
    ) -> None:
        self.folder = folder
        self._environments = environments
        self._blobs = blobs
        self._tree = tree
        self._optimizer = optimizer
        self.when_done: Callable[[], None] = _nobody
        self._pool = concurrent.futures.ThreadPoolExecutor(threads, thread_name_prefix="prepare")
        self._closing = threading.Event()
        self._work: dict[str, _Asked] = {}
        self._guard = threading.Lock()
        self._said: dict[str, list[str]] = {}
        self._failures: dict[str, _Failures] = {}

    def begin(self, set_id: str, workspace: str, resolved: dict[str, Any]) -> None:
        """Prepare a set, unless that is done or under way."""
        with self._guard:
            if set_id in self._work:
                return
            self._said[set_id] = []
            asked = self._work[set_id] = _Asked(self._said[set_id], self._closing)
            asked.future = self._pool.submit(self._prepare, set_id, workspace, resolved, asked.errand)
        asked.future.add_done_callback(lambda _: self.when_done())

    def state(self, set_id: str) -> facts.Environment:
        """How far the preparation of a set is."""
        asked = self._work.get(set_id)
        if asked is None:
            return facts.Environment()
        if not asked.future.done() or asked.future.cancelled():
            return facts.Environment("building", self._newest_line(set_id))
        error = asked.future.exception()
        if error is None:
            return facts.Environment("ready")
        if isinstance(error, InterruptedError):
            return facts.Environment("building", "The server stops; the next one goes on.")
        if isinstance(error, errors.Unavailable) and self._may_try_again(set_id):
            return facts.Environment("building", str(error))
        if not isinstance(error, errors.ZaffreError):
            log.error("preparing %s failed", set_id, exc_info=error)
        return facts.Environment("failed", str(error) or type(error).__name__)

    def result(self, set_id: str) -> replicas.Prepared:
        """What was prepared; only for a set whose state is ready."""
        return self._work[set_id].future.result()

    def made_from(self, set_id: str) -> dict[str, str]:
        """What a revision should remember of its environment, if this server built or found it."""
        asked = self._work.get(set_id)
        if asked is None or not asked.future.done() or asked.future.cancelled() or asked.future.exception():
            return {}
        found = asked.future.result()
        known = {"lock_digest": found.lock_digest, "environment_note": found.environment_note}
        return {name: value for name, value in known.items() if value}

    def said(self, set_id: str) -> list[str]:
        """The lines of the build's log since this server began it."""
        return list(self._said.get(set_id, ()))

    def forget(self, set_id: str) -> None:
        """Let the next `begin` start anew; what is under way for it ends, unless others wait for the same."""
        with self._guard:
            asked = self._work.pop(set_id, None)
        if asked:
            asked.given_up.set()

    def keep(self, wanted: Collection[str]) -> None:
        """Give up what is under way for other sets than these."""
        for set_id, asked in tuple(self._work.items()):
            if set_id not in wanted and not asked.future.done():
                self.forget(set_id)

    def close(self) -> None:
        """Begin nothing more, and end what is under way: the next server is asked for it again."""
        self._closing.set()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _newest_line(self, set_id: str) -> str:
        """What whoever waits is shown of the build's log while it grows."""
        said = self._said.get(set_id, ())
        return f"Preparing the environment: {said[-1].strip()}" if said else ""

    def _may_try_again(self, set_id: str) -> bool:
        """What was not reachable may be there in a moment: some more tries, with a pause before each."""
        failures = self._failures.setdefault(set_id, _Failures())
        if failures.count > _MOST_TRIES:
            return False
        if time.monotonic() >= failures.until:
            failures.count += 1
            failures.until = time.monotonic() + _PAUSE_S
            self.forget(set_id)
        return True

    def _prepare(
        self, set_id: str, workspace: str, resolved: dict[str, Any], errand: errands.Errand
    ) -> replicas.Prepared:
        errand.check()
        decided: optimizing.Decided = (resolved, None)
        if self._optimizer:
            decided = self._optimizer(set_id, workspace, resolved, folder=self.folder / set_id, errand=errand)
        served, optimized = decided
        built, note = self._environments(workspace, served, errand)
        placed = materials.place(
            self.folder,
            set_id,
            served,
            tree=lambda digest: self._tree(workspace, digest),
            blobs=self._blobs,
            check=errand.check,
        )
        optimizing.Optimizer.keep(placed.folder, decided)
        notes = " ".join(text for text in (optimized, note) if text) or None
        return replicas.Prepared(
            built.python, built.overlay, built.path, built.digest, notes, placed, resolved=served
        )


def _nobody() -> None:
    """Nobody waits to be woken."""
