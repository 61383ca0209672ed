"""Values encrypted at rest: the database holds sealed text, and a key file beside it opens it."""

from zaffre.server.secrets.box import Box

__all__ = ["Box"]
