"""Events as they travel and as they are read again: `events` holds the catalogue itself.

The outbox makes envelopes; audit, lineage and other subscribers are given them.
"""

import datetime as dt
from typing import Any

import pydantic

from zaffre.contracts import events
from zaffre.core import clock, errors


class Envelope(pydantic.BaseModel):
    """One event as it travels: who, when, about what, and why. `data` is the event's values."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore")

    id: str
    time: dt.datetime
    type: str
    workspace: str
    subject: str
    actor: str
    reason: str = ""
    request_id: str = ""
    data: dict[str, Any] = {}

    @pydantic.field_serializer("time", when_used="json")
    def _time_as_text(self, time: dt.datetime) -> str:
        return clock.isoformat(time)

    def event(self) -> events.Event:
        """The event inside. Raises Invalid when this version does not know its type."""
        return from_data(self.type, self.data)


def from_data(type_name: str, data: dict[str, Any]) -> events.Event:
    """The event of a stored type and values; values that this version does not know are left out. Raises Invalid."""
    kind = events.CATALOGUE.get(type_name)
    if kind is None:
        raise errors.Invalid(
            f"{type_name!r} is not in the catalogue of events.", hint="A newer server wrote it."
        )
    known = kind.model_fields
    return kind.model_validate({key: item for key, item in data.items() if key in known})
