"""Values encrypted at rest, and certificates: the database holds sealed text, and a key file beside it opens it."""

from zaffre.server.secrets.box import Box
from zaffre.server.secrets.certificates import Pair, Paths
from zaffre.server.secrets.keeping import Keeper
from zaffre.server.secrets.service import demand_same_key

__all__ = ["Box", "Keeper", "Pair", "Paths", "demand_same_key"]
