"""Looks every half second whether a certificate's files were replaced, and tells of what was taken or refused."""

import logging
import time
from collections.abc import Sequence

from zaffre.contracts import events as catalogue
from zaffre.core import clock
from zaffre.server import access, db, events, secrets
from zaffre.server.secrets import keeping
from zaffre.server.workers import loop

log = logging.getLogger(__name__)

_PERIOD_S = 0.5
_REMIND_S = 86400.0
_CALLER = access.system("certificates")


def build(database: db.Database, keepers: Sequence[secrets.Keeper]) -> loop.Loop:
    """The loop of one server over its listeners' certificates."""
    reminders: dict[str, float] = {}

    def step() -> float:
        for keeper in keepers:
            if keeper.look():
                _tell(database, keeper)
            if _is_due(reminders, keeper):
                log.warning(
                    "the certificate of %s expires in %.1f days", keeper.name, keeper.pair.days_left()
                )
        return _PERIOD_S

    return loop.Loop("certificates", step)


def _tell(database: db.Database, keeper: secrets.Keeper) -> None:
    event: catalogue.Event
    if keeper.problem:
        log.error("the new certificate of %s is refused, the old one stays: %s", keeper.name, keeper.problem)
        event = catalogue.CertificateRefused(listener=keeper.name, reason=keeper.problem)
    else:
        pair = keeper.pair
        log.info("%s uses the certificate %s from now on", keeper.name, pair.fingerprint)
        event = catalogue.CertificateReplaced(
            listener=keeper.name,
            subject=pair.subject,
            fingerprint=pair.fingerprint,
            expires_at=clock.isoformat(pair.expires_at),
        )
    with database.write() as uow:
        events.append(uow, _CALLER, event, workspace="", subject=f"certificates/{keeper.name}")


def _is_due(reminders: dict[str, float], keeper: secrets.Keeper) -> bool:
    if keeper.pair.days_left() > keeping.EXPIRES_SOON_DAYS:
        return False
    due = time.monotonic() >= reminders.get(keeper.name, 0.0)
    if due:
        reminders[keeper.name] = time.monotonic() + _REMIND_S
    return due
