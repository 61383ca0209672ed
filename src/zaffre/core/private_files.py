"""Files for their owner only, that appear whole or not at all."""

import os
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Write a file of mode 0600 by rename, so that nobody ever reads half of it, and it outlives a power cut."""
    coming = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(coming, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    coming.replace(path)
