"""Keeps the certificate of one listener: takes what its files hold when they change, and holds on to the last good one.

`workers.certificates` calls `look` every moment; `install` is what the listener does with a pair that was found good. A pair
that was refused changes nothing but `problem`. The last good pair is kept in a private file, so that a restart in the
middle of a faulty replacement still listens.
"""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zaffre.core import clock, errors, private_files
from zaffre.server.secrets import certificates

Install = Callable[[certificates.Pair, certificates.Pair | None], None]
"""Makes a listener use a pair instead of the previous one. Raises Invalid when it does not take it; the previous one
is in force then."""

EXPIRES_SOON_DAYS = 14.0


class Keeper:
    """`name` is `control-plane` or `endpoints`; `folder` is private to the server."""

    def __init__(self, name: str, paths: certificates.Paths, folder: Path, install: Install) -> None:
        self.name = name
        self.problem = ""
        self._paths = paths
        self._install = install
        self._kept = folder / f"{name}.json"
        self._trust = folder / f"{name}.crt"
        self._seen: object = None
        self._changing: object = None
        self._pair: certificates.Pair | None = None
        folder.mkdir(mode=0o700, exist_ok=True)

    def start(self) -> None:
        """Install the first pair: what the files hold, else the last good one. Raises Invalid when there is neither."""
        self._seen = self._paths.stamp()
        try:
            self._take(certificates.read(self._paths))
        except errors.ZaffreError as error:
            kept = self._read_kept()
            if kept is None or kept.days_left() <= 0:
                raise
            self.problem = str(error)
            self._install(kept, None)
            self._pair = kept

    def look(self) -> bool:
        """Take a new pair if there is one; whether anything changed. A replacement that is under way is waited for."""
        stamp = self._paths.stamp()
        if stamp not in (self._seen, self._changing):
            self._changing = stamp
            return False
        if stamp == self._seen and not self.problem:
            return False
        self._seen = stamp
        return self._try()

    def facts(self) -> dict[str, Any]:
        """What people may know of it: everything but the key."""
        pair = self._pair
        return {
            "listener": self.name,
            **{f"{kind}_file": path for kind, path in dataclasses.asdict(self._paths).items() if path},
            "client_certificates": bool(self._paths.client_ca),
            "subject": pair.subject if pair else None,
            "names": list(pair.names) if pair else [],
            "fingerprint": pair.fingerprint if pair else None,
            "expires_at": clock.isoformat(pair.expires_at) if pair else None,
            "days_left": round(pair.days_left(), 1) if pair else None,
            "problem": self.problem or None,
        }

    @property
    def pair(self) -> certificates.Pair:
        """What is in force. Only after `start`."""
        if self._pair is None:
            raise errors.Unavailable(f"The certificate of {self.name} was not read yet.")
        return self._pair

    def _try(self) -> bool:
        try:
            pair = certificates.read(self._paths)
            if pair.version == self.pair.version:
                self.problem = ""
                return False
            self._take(pair)
        except errors.ZaffreError as error:
            known, self.problem = self.problem, str(error)
            return known != self.problem
        self.problem = ""
        return True

    def _take(self, pair: certificates.Pair) -> None:
        self._install(pair, self._pair)
        self._pair = pair
        private_files.write(self._trust, pair.leaf)
        kept = {"chain": pair.chain, "key": pair.key, "client_ca": pair.client_ca}
        private_files.write(self._kept, json.dumps(kept))

    def _read_kept(self) -> certificates.Pair | None:
        try:
            kept = json.loads(self._kept.read_text(encoding="ascii"))
            return certificates.check(
                kept["chain"].encode(), kept["key"].encode(), kept["client_ca"].encode(), self._paths
            )
        except (OSError, ValueError, KeyError, errors.ZaffreError):
            return None  # nothing good was kept: the complaint about the configured files is the one to raise
