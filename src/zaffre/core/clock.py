"""Time, in UTC, from one place, so that tests can turn it."""

import datetime as dt


def now() -> dt.datetime:
    """The current moment, in UTC, with microseconds."""
    return dt.datetime.now(dt.UTC)


def isoformat(moment: dt.datetime) -> str:
    """A moment as the world sees it: `2026-11-20T08:15:30.123456Z`, always the same length, so that text sorts as time."""
    in_utc = moment if moment.tzinfo is dt.UTC else moment.astimezone(dt.UTC)
    return in_utc.isoformat(timespec="microseconds")[:26] + "Z"


def parse(text: str) -> dt.datetime:
    """The moment that an ISO 8601 text names; a text without a zone is UTC. Raises ValueError."""
    moment = dt.datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
