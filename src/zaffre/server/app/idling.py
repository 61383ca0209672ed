"""Ends a control plane that nobody uses: the private server of `--local`, which no one starts or stops by hand.

Called by `serve` at every turn of its loop. It goes only while no long work is open; replicas and router go on, unless
no endpoint is left for them to serve.
"""

import time
from collections.abc import Callable

from zaffre.server import access, db, operations
from zaffre.server.endpoints.online import service as endpoints

_CALLER = access.system("idling")


class Idleness:
    """`seen(requests)` tells how many requests there were so far and answers whether it is time to go."""

    def __init__(
        self, limit_s: float, busy: Callable[[], bool], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limit_s = limit_s
        self._busy = busy
        self._clock = clock
        self._requests = -1
        self._since = clock()

    def seen(self, requests: int) -> bool:
        """Whether nobody asked anything for the limit, and nothing is under way. Never with a limit of 0."""
        now = self._clock()
        if requests != self._requests:
            self._requests, self._since = requests, now
        if not self._limit_s or now - self._since < self._limit_s:
            return False
        if self._busy():
            self._since = now
            return False
        return True


def has_open_work(database: db.Database) -> bool:
    """Whether somebody's long work is not done yet."""
    with database.read() as uow:
        return operations.any_open(uow)


def has_endpoints(database: db.Database) -> bool:
    """Whether anything is there to serve."""
    with database.read() as uow:
        return endpoints.any_exist(uow, _CALLER)
