"""The home folder of one server: what lies in it, who may read it, and the two files that clients look for.

`server.json` says where the server is; `token` holds the first administrator's token. Both are for the owner only.
"""

import json
import os
import stat
from pathlib import Path
from typing import Any

from zaffre.core import errors, private_files, settings


class Home:
    """A folder of mode 0700 that belongs to us. Raises Invalid when it belongs to somebody else."""

    def __init__(self, configured: settings.Settings) -> None:
        self.path = Path(configured.home)
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        _demand_own(self.path)
        self.path.chmod(0o700)
        self.token_file = self.path / "token"
        self.server_file = self.path / "server.json"
        self.log_file = self.path / "logs" / "server.log"
        for name in ("logs", "blobs", "environments", "services", "replicas"):
            (self.path / name).mkdir(exist_ok=True, mode=0o700)

    @property
    def database_url(self) -> str:
        """The URL of the database that lies in the home."""
        return f"sqlite:///{self.path / 'zaffre.db'}"

    def read_server(self) -> dict[str, Any]:
        """What the last server wrote, or nothing."""
        try:
            known: dict[str, Any] = json.loads(self.server_file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            # A torn file cannot come from `private_files`; whatever it was, the next start writes it anew.
            return {}
        return known

    def write_server(self, facts: dict[str, Any]) -> None:
        private_files.write(self.server_file, json.dumps(facts, indent=2) + "\n")


def _demand_own(path: Path) -> None:
    facts = path.lstat()
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid():
        raise errors.Invalid(
            f"{path} is not a folder that belongs to this user.",
            hint="Set ZAFFRE_HOME to a folder of your own.",
        )
