"""What made what: built from events only, so it may lag a moment behind; nothing is decided by it."""

from zaffre.server.lineage.service import dependents, record, trace

__all__ = ["dependents", "record", "trace"]
