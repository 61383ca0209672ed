"""What an error of the server's disk means to whoever waits for the answer."""

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

from zaffre.core import errors

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def unavailable(error: OSError) -> errors.Unavailable:
    """Full, or broken; paths stay out of the text, because callers elsewhere read it."""
    if error.errno in _FULL:
        return errors.Unavailable(
            "The server's disk is full; nothing of this was kept.",
            hint="Free space on the server (`zaffre server gc`), then try again.",
        )
    return errors.Unavailable(f"The server cannot use its disk: {error.strerror}.")


@contextlib.contextmanager
def whole(target: Path) -> Iterator[None]:
    """A file that is written within is gone when that fails, or is given up."""
    is_whole = False
    try:
        yield
        is_whole = True
    except InterruptedError:
        raise  # whoever asked does not want it any more; system calls are repeated and never end so
    except OSError as error:
        raise unavailable(error) from error
    finally:
        if not is_whole:
            target.unlink(missing_ok=True)
