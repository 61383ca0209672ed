"""The server's log: one JSON object a line, rotated by size, for its owner only."""

import json
import logging
import logging.handlers
import os
from pathlib import Path

from zaffre.core import clock

_LARGEST = 20 * 1024 * 1024


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": clock.isoformat(clock.now()),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def install(path: Path) -> None:
    """Send every record of level INFO and above to the file."""
    previous = os.umask(0o077)
    try:
        handler = logging.handlers.RotatingFileHandler(
            path, maxBytes=_LARGEST, backupCount=3, encoding="utf-8"
        )
    finally:
        os.umask(previous)
    handler.setFormatter(_Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for noisy in ("httpx", "alembic", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
