"""Values encrypted at rest, and certificates: the database holds sealed text, and a key file beside it opens it."""

from zaffre.server.secrets.box import Box
from zaffre.server.secrets.certificates import Pair, Paths
from zaffre.server.secrets.keeping import Keeper

__all__ = ["Box", "Keeper", "Pair", "Paths"]
