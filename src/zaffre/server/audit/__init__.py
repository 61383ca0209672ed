"""Who did what, when and why: built from events only."""

from zaffre.server.audit.service import record, search

__all__ = ["record", "search"]
