"""Does operations that are tasks (conversions, profiles), each on a thread of its own, again after a restart.

A task ends by its own result or error, or is given up by a caller; when the server stops, it stays as it is, and the next
server goes on with it.
"""

import concurrent.futures
import dataclasses
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from zaffre.core import errors
from zaffre.server import db, operations
from zaffre.server.leases import service as leases
from zaffre.server.workers import loop

log = logging.getLogger(__name__)

TOPIC = "tasks"
LEASE = "tasks"
_LIFETIME_S, _RENEWED_S = 15.0, 5.0
_LOOK_S = 1.0
_TOLD_EVERY_S = 0.5

Progress = Callable[[float, str], None]
Work = Callable[[operations.Task, Callable[[], None], Progress], Any]
"""Does one task and returns its result; calls the check often, which raises when it shall not go on."""


@dataclasses.dataclass(frozen=True)
class Kind:
    """How tasks of one kind are done, and how many at a time."""

    work: Work
    at_once: int = 1


class Tasks:
    """Of several servers on one database, the one that holds the lease does them: their jobs are on its machine."""

    def __init__(self, database: db.Database, kinds: Mapping[str, Kind]) -> None:
        self._database = database
        self._kinds = kinds
        self._pools = {
            name: concurrent.futures.ThreadPoolExecutor(kind.at_once, thread_name_prefix=name)
            for name, kind in kinds.items()
        }
        self._under_way: dict[str, concurrent.futures.Future[None]] = {}
        self._ending = threading.Event()
        self._holder = secrets.token_hex(8)
        self._leased_at = -_LIFETIME_S
        self.loop = loop.Loop("tasks", self.step)
        database.listen(TOPIC, self.loop.wake)

    def step(self) -> float:
        """Begin what is asked and not under way; returns when to look again."""
        if not self._is_mine():
            return _LOOK_S
        # Before the look: a task that ends after it is still among those asked for, and would be done once more.
        self._under_way = {key: future for key, future in self._under_way.items() if not future.done()}
        with self._database.read() as uow:
            asked = operations.tasks(uow, self._kinds)
        for task in asked:
            if task.id not in self._under_way:
                self._under_way[task.id] = self._pools[task.kind].submit(self._do, task)
        return _LOOK_S

    def close(self) -> None:
        """Let go of everything; what is under way is left as it is."""
        self._ending.set()
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)

    def _do(self, task: operations.Task) -> None:
        problem: errors.ZaffreError | None = None
        result = None
        try:
            result = self._kinds[task.kind].work(task, lambda: self._check(task), self._progress(task))
        except InterruptedError:
            return
        except errors.ZaffreError as error:
            problem = error
        except Exception as error:  # the outermost loop of this task: it must end, whatever went wrong
            log.exception("task %s (%s) failed", task.id, task.kind)
            problem = errors.ZaffreError(
                f"The server failed at this: {type(error).__name__}: {error}", hint="Its log says more."
            )
        with self._database.write() as uow:
            operations.end(uow, task.id, error=problem, result=result)

    def _check(self, task: operations.Task) -> None:
        if self._ending.is_set():
            raise InterruptedError
        with self._database.read() as uow:
            found = operations.get(uow, task.id)
        if found is None or found["state"] != "Running":
            raise operations.GivenUp("The work was given up.")

    def _progress(self, task: operations.Task) -> Progress:
        """Writes down what is new, not more often than somebody could read it."""
        said: list[Any] = [None, 0.0]

        def tell(fraction: float, message: str) -> None:
            now = time.monotonic()
            if (fraction, message) == said[0] or now - said[1] < _TOLD_EVERY_S:
                return
            said[:] = [(fraction, message), now]
            with self._database.write() as uow:
                operations.advance(uow, task.id, progress=fraction, message=message)

        return tell

    def _is_mine(self) -> bool:
        if self._database.is_sqlite or time.monotonic() - self._leased_at < _RENEWED_S:
            return True
        with self._database.write() as uow:
            mine = leases.take(uow, LEASE, self._holder, lifetime_s=_LIFETIME_S)
        self._leased_at = time.monotonic() if mine else -_LIFETIME_S
        return mine
