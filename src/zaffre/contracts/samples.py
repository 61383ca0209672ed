"""Samples of large contents: a few pieces hashed, so that client and server find in a moment whether one may be known.

Used by the SDK before it hashes a large file, and by the artifacts room for what it stores. Equal contents have equal
samples; equal samples prove nothing.
"""

import hashlib
from collections.abc import Callable

# Smaller contents have no sample: they are hashed sooner than asked about.
LARGE = 16 << 20
_PIECES = 16
_PIECE = 64 << 10


def sample(size: int, read: Callable[[int, int], bytes]) -> str:
    """64 hex digits for a content of so many bytes, at least LARGE; `read(length, offset)` gives its pieces."""
    hasher = hashlib.sha256(b"sample 1 %d " % size)
    for number in range(_PIECES):
        hasher.update(read(_PIECE, (size - _PIECE) * number // (_PIECES - 1)))
    return hasher.hexdigest()
