"""What an error of the server's disk means to whoever waits for the answer."""

import errno

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
