"""New lines of a deployment's output since a cursor: of the build of its environment, and of its instances.

Called by the routes of deployments again and again while somebody watches. The cursor is the watcher's: it says how far
each source was read, and lives nowhere here, so that watching goes on after a restart of the server.
"""

import base64
import binascii
import dataclasses
import json
from typing import Any

from zaffre.core import errors
from zaffre.server.compute import ports
from zaffre.server.endpoints.online import facts, logs, preparing

_MOST_SOURCES = 2000
_FARTHEST = 1 << 60
Positions = dict[str, tuple[int, int]]


@dataclasses.dataclass(frozen=True)
class Line:
    """One line, and who said it: `environment`, or `instance 0` (`instance 0 worker 1` where there are several)."""

    source: str
    text: str


@dataclasses.dataclass(frozen=True)
class News:
    """What is new, oldest first within each source, and the cursor to ask with next."""

    lines: list[Line]
    cursor: str

    def to_dict(self) -> dict[str, Any]:
        """As the REST face answers."""
        return {"lines": [dataclasses.asdict(line) for line in self.lines], "cursor": self.cursor}


@dataclasses.dataclass(frozen=True)
class Means:
    """Where output comes from."""

    runner: ports.ServiceRunner
    preparations: preparing.Preparations


def news(means: Means, found: logs.Sources, cursor: str, *, instances: bool) -> News:
    """The lines since a cursor; an empty one starts at the first line. Raises Invalid for a cursor that is none."""
    positions = parse(cursor)
    lines: list[Line] = []
    for set_id in found.sets:
        lines += _build_news(means, set_id, positions)
    for slot in _slots(means, found) if instances else ():
        lines += _instance_news(means, slot, positions)
    return News(lines, text_of(positions))


def end(means: Means, found: logs.Sources) -> str:
    """The cursor of somebody who wants only what comes from now on."""
    positions: Positions = {
        f"build {set_id}": (0, len(means.preparations.said(set_id))) for set_id in found.sets
    }
    for slot in _slots(means, found):
        try:
            positions[slot.service_id] = means.runner.log_end(slot.service_id)
        except errors.NotFound:
            continue  # ended meanwhile
    return text_of(positions)


def parse(cursor: str) -> Positions:
    """The positions in a cursor. Raises Invalid."""
    if not cursor:
        return {}
    try:
        known = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        positions = {str(key): (int(first), int(second)) for key, (first, second) in known.items()}
    except (
        ValueError,
        TypeError,
        AttributeError,
        OverflowError,
        UnicodeEncodeError,
        binascii.Error,
        RecursionError,
    ):
        raise _no_cursor() from None
    if len(positions) > _MOST_SOURCES or any(
        not 0 <= part < _FARTHEST for place in positions.values() for part in place
    ):
        raise _no_cursor()
    return positions


def text_of(positions: Positions) -> str:
    """The cursor that says how far each source was read."""
    return base64.urlsafe_b64encode(json.dumps(positions, separators=(",", ":")).encode()).decode()


def _build_news(means: Means, set_id: str, positions: Positions) -> list[Line]:
    said = means.preparations.said(set_id)
    key = f"build {set_id}"
    # A server that was restarted begins its log anew: fewer lines than were read mean that none of them was.
    begin = positions.get(key, (0, 0))[1]
    begin = begin if begin <= len(said) else 0
    positions[key] = (0, len(said))
    return [Line("environment", text.rstrip()) for text in said[begin:]]


def _instance_news(means: Means, slot: facts.Slot, positions: Positions) -> list[Line]:
    try:
        text, place = means.runner.logs_since(slot.service_id, positions.get(slot.service_id, (0, 0)))
    except errors.NotFound:
        return []
    positions[slot.service_id] = place
    source = f"instance {slot.instance}" + (f" worker {slot.worker}" if slot.worker else "")
    return [Line(source, line) for line in text.splitlines()]


def _slots(means: Means, found: logs.Sources) -> list[facts.Slot]:
    slots = (facts.Slot.parse(service_id) for service_id in means.runner.list())
    return sorted(slot for slot in slots if slot and slot.replicas in found.sets)


def _no_cursor() -> errors.Invalid:
    return errors.Invalid(
        "The cursor is none that this server gave.", hint="Leave it out to start at the first line."
    )
