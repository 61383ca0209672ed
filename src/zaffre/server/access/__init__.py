"""Who may do what: workspaces, callers, roles, tokens, and `require`."""

from zaffre.server.access.callers import Caller, Grant, allowed, require, system

__all__ = ["Caller", "Grant", "allowed", "require", "system"]
