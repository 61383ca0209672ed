"""From a token's text to its caller, without asking the database each time.

A token that was seen is remembered until any token changes on this server, and on PostgreSQL, where other servers
change tokens too, for at most `REMEMBER_S`. What is remembered is found by the hash of the text, so that no lookup
compares secrets and no secret stays in memory.
"""

import hashlib
import threading
import time
from collections.abc import Hashable

from zaffre.server import db
from zaffre.server.access import callers, tokens

REMEMBER_S = 1.0
_MOST = 10_000


class Authenticator:
    """`known` answers at once or not at all; `look_up` asks the database."""

    def __init__(self, database: db.Database) -> None:
        self._database = database
        self._lifetime_s = float("inf") if database.is_sqlite else REMEMBER_S
        self._lock = threading.Lock()
        self._generation = 0
        self._seen: dict[bytes, tuple[callers.Caller, float]] = {}
        database.listen(tokens.TOPIC, self.forget)

    def known(self, text: str) -> callers.Caller | None:
        """The caller of a token that was looked up a short while ago."""
        found = self._seen.get(_key(text))
        return found[0] if found and found[1] > time.monotonic() else None

    def question(self, text: str) -> Hashable:
        """Who asks the same question as another may take the other's answer: the token, and what is known of tokens."""
        return self._generation, _key(text)

    def look_up(self, text: str) -> callers.Caller:
        """The caller whom a token names. Raises Unauthenticated."""
        generation = self._generation
        with self._database.read() as uow:
            caller, expires_in_s = tokens.authenticate(uow, text)
        until = time.monotonic() + min(self._lifetime_s, expires_in_s)
        with self._lock:
            # A token that was revoked while it was read must not be remembered.
            if generation == self._generation:
                if len(self._seen) >= _MOST:
                    self._seen.clear()
                self._seen[_key(text)] = (caller, until)
        return caller

    def forget(self) -> None:
        """Ask the database again from now on; called after every commit that changed a token."""
        with self._lock:
            self._generation += 1
            self._seen.clear()


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
