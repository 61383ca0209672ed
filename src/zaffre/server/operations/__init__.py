"""Long work that a caller can poll: what was asked, how far it is, how it ended."""

from zaffre.server.operations.service import (
    GivenUp,
    Task,
    advance,
    any_open,
    cancel,
    counts,
    end,
    get,
    open_on,
    start,
    tasks,
)

__all__ = [
    "GivenUp",
    "Task",
    "advance",
    "any_open",
    "cancel",
    "counts",
    "end",
    "get",
    "open_on",
    "start",
    "tasks",
]
