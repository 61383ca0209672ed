"""Long work that a caller can poll: what was asked, how far it is, how it ended."""

from zaffre.server.operations.service import (
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

__all__ = ["Task", "advance", "any_open", "cancel", "counts", "end", "get", "open_on", "start", "tasks"]
