"""Long work that a caller can poll: what was asked, how far it is, how it ended."""

from zaffre.server.operations.service import advance, end, get, open_on, start

__all__ = ["advance", "end", "get", "open_on", "start"]
