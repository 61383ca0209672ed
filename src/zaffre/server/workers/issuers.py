"""Keeps the keys fresh that tokens are checked with: those of trusted issuers, and this server's own.

An issuer's keys are fetched every ten minutes, and soon after the router turned a token away, because it may have been signed
with a key that is newer than what we know; at most every ten seconds, however many tokens are refused.
"""

import logging
from collections.abc import Callable, Sequence

from zaffre.core import errors
from zaffre.server import db, secrets
from zaffre.server.secrets import signing
from zaffre.server.workers import loop

log = logging.getLogger(__name__)

_PERIOD_S = 1.0
_CALM_S = 60.0


def build(
    database: db.Database,
    box: secrets.Box,
    issuers: Sequence[secrets.Issuer],
    *,
    refused: Callable[[], int],
    wake: Callable[[], None],
) -> loop.Loop:
    """The loop. `refused` counts tokens that were turned away; `wake` is called when the router must learn of new keys."""
    work = _Work(database, box, issuers, refused, wake)
    made = loop.Loop("issuers", work.step)
    database.listen(signing.TOPIC, wake)
    return made


class _Work:
    def __init__(
        self,
        database: db.Database,
        box: secrets.Box,
        issuers: Sequence[secrets.Issuer],
        refused: Callable[[], int],
        wake: Callable[[], None],
    ) -> None:
        self._database = database
        self._box = box
        self._issuers = issuers
        self._refused = refused
        self._wake = wake
        self._known_refused = 0
        self._doubted = dict.fromkeys((item.url for item in issuers), False)
        self._said: dict[str, str] = {}

    def step(self) -> float:
        """Look at each issuer; the own keys need it far less often than that."""
        with self._database.write() as uow:
            signing.ensure(uow, self._box)
        if not self._issuers:
            return _CALM_S
        if self._have_more_been_refused():
            self._doubted = dict.fromkeys(self._doubted, True)
        for issuer in self._issuers:
            before = issuer.asked
            if issuer.look(doubted=self._doubted[issuer.url]):
                log.info("the keys of %s changed", issuer.url)
                self._wake()
            if issuer.asked != before:
                self._doubted[issuer.url] = False
            self._tell(issuer)
        return _PERIOD_S

    def _have_more_been_refused(self) -> bool:
        try:
            now = self._refused()
        except errors.Unavailable:  # the router starts; it is asked again in a moment
            return False
        more = now > self._known_refused
        self._known_refused = now
        return more

    def _tell(self, issuer: secrets.Issuer) -> None:
        if issuer.problem and self._said.get(issuer.url) != issuer.problem:
            known = "known keys go on working" if issuer.keys else "no key of it is known yet"
            log.warning("the keys of %s cannot be fetched, %s: %s", issuer.url, known, issuer.problem)
        self._said[issuer.url] = issuer.problem
