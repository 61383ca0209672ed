"""Values encrypted at rest, and certificates: the database holds sealed text, and a key file beside it opens it."""

from zaffre.server.secrets.box import Box
from zaffre.server.secrets.certificates import Pair, Paths
from zaffre.server.secrets.issuers import Issuer, check_url, issuer_name
from zaffre.server.secrets.keeping import Keeper
from zaffre.server.secrets.service import demand_same_key

__all__ = ["Box", "Issuer", "Keeper", "Pair", "Paths", "check_url", "demand_same_key", "issuer_name"]
