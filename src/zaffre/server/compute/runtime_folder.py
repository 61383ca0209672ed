"""The folder for sockets: short, on this machine, ours alone. Called by the composition root.

A socket's path may hold 108 bytes, so it cannot lie in the home folder. A folder that somebody else prepared
under /tmp would let them swap sockets, so it must be ours and closed, or it is refused.
"""

import hashlib
import os
import stat
from pathlib import Path

from zaffre.core import errors

# The longest socket path below it is `/<12 hex>/s.sock`; 108 bytes include the final NUL.
_LONGEST = 107 - len("/0123456789ab/s.sock")


def choose(home: Path, configured: str, *, xdg_runtime_dir: str | None) -> Path:
    """The runtime folder of an installation; the same home always gives the same one."""
    if configured:
        return Path(configured).absolute()
    mark = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:8]
    if os.geteuid() == 0 and Path("/run").is_dir():
        return Path(f"/run/zaffre-{mark}")
    if xdg_runtime_dir and Path(xdg_runtime_dir).is_dir():
        return Path(xdg_runtime_dir) / f"zaffre-{mark}"
    return Path(f"/tmp/zaffre-{os.geteuid()}-{mark}")  # noqa: S108  # refused below unless it is ours and closed


def prepare(folder: Path) -> None:
    """Create it, or make sure that the one that is there can be trusted. Raises Invalid, Denied."""
    if len(os.fsencode(folder)) > _LONGEST:
        raise errors.Invalid(
            f"The runtime folder {folder} is too long for sockets ({_LONGEST} bytes at most).",
            hint="Set runtime_dir (ZAFFRE_RUNTIME_DIR) to a short path.",
        )
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        _check(folder)
    except FileNotFoundError:
        raise errors.Invalid(
            f"The runtime folder {folder} cannot be made: the folder above it does not exist.",
            hint="Set runtime_dir (ZAFFRE_RUNTIME_DIR) to another path.",
        ) from None


def _check(folder: Path) -> None:
    status = folder.lstat()
    is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not is_ours or status.st_mode & 0o077:
        raise errors.Denied(
            f"The runtime folder {folder} exists and is not a closed folder of this user.",
            hint="Remove it, or set runtime_dir (ZAFFRE_RUNTIME_DIR) to another path.",
        )
