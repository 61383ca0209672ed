"""Moves what SQLite wrote from its log into its file, soon after it was written. Done by a thread of its own, because pages are
written and synced for it that no request need wait for; and readers need not look into a log that is empty."""

from zaffre.server import db
from zaffre.server.workers import loop

GATHERING_S = 1.0
"""For so long writes come together: pages that several of them changed are moved once."""


def build(database: db.Database) -> loop.Loop:
    """The worker of a SQLite database."""

    def step() -> float:
        database.checkpoint()
        return GATHERING_S

    return loop.Loop("checkpoints", step)
