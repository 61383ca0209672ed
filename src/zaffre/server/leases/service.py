"""Take, renew and give back leases. Workers call these before they act on a thing; requests never do."""

import datetime as dt

from zaffre.core import clock
from zaffre.server import db
from zaffre.server.leases import store


def take(uow: db.UnitOfWork, name: str, holder: str, *, lifetime_s: float = 15.0) -> bool:
    """Take or renew the lease `name`; false while somebody else holds it. It ends by itself after `lifetime_s`."""
    now = clock.now()
    return store.take(uow, name, holder, now=now, until=now + dt.timedelta(seconds=lifetime_s))
