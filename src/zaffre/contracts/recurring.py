"""When a scale profile holds: on days of the week by the clocks of a time zone, or from one moment to another. Used by `autoscale`."""

import datetime as dt
import re
import zoneinfo
from typing import Annotated, Any, ClassVar, Self

import pydantic

from zaffre.contracts import base, values, zones

_CLOCK = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _clock(text: Any) -> Any:
    if isinstance(text, int) and not isinstance(text, bool) and 0 <= text <= 24 * 60:
        text = f"{text // 60:02}:{text % 60:02}"  # YAML reads 22:30 without quotes as a number in base 60
    match = _CLOCK.fullmatch(text) if isinstance(text, str) else None
    if match is None or minutes(text) > 24 * 60:
        raise ValueError(f"{str(text)[:60]!r} is not a time of day; write '06:30', at most '24:00'")
    return text


def minutes(clock: str) -> int:
    """Minutes since midnight."""
    hours, _, rest = clock.partition(":")
    return int(hours) * 60 + int(rest)


def _day(value: Any) -> str:
    text = value.strip().lower() if isinstance(value, str) else ""
    found = [day for day in DAYS if len(text) >= 3 and day.lower().startswith(text)]
    if len(found) != 1:
        raise ValueError(
            f"{str(value)[:60]!r} is not a day of the week; write Monday to Sunday, or mon to sun"
        )
    return found[0]


class Recurrence(base.Part):
    """Days of the week and the hours on them, by the clocks of `timezone`. An `end` before `start` is the next day's."""

    timezone: values.Text = "UTC"
    days: Annotated[list[Annotated[str, pydantic.BeforeValidator(_day)]], values.Items] = list(DAYS)
    start: Annotated[str, pydantic.BeforeValidator(_clock)] = "00:00"
    end: Annotated[str, pydantic.BeforeValidator(_clock)] = "24:00"

    @pydantic.field_validator("timezone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        zones.find(name)
        return name

    @pydantic.field_validator("days")
    @classmethod
    def _are_some(cls, days: list[str]) -> list[str]:
        if not days:
            raise ValueError("name at least one day")
        return days

    @pydantic.model_validator(mode="after")
    def _lasts(self) -> Self:
        if minutes(self.start) == minutes(self.end):
            raise ValueError(f"it starts and ends at {self.start}; for whole days leave both out")
        return self

    def zone(self) -> zoneinfo.ZoneInfo:
        """The zone that its hours are told in."""
        return zones.find(self.timezone)

    def covers(self, moment: dt.datetime) -> bool:
        """Whether the clocks there show a time within it; what they skip or repeat in spring and autumn included."""
        local = moment.astimezone(self.zone())
        now, start, end = local.hour * 60 + local.minute, minutes(self.start), minutes(self.end)
        today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
        if start < end:
            return today in self.days and start <= now < end
        return (today in self.days and now >= start) or (yesterday in self.days and now < end)

    def starts(self, year: int) -> list[dt.datetime]:
        """The moments of one year and a week at which it begins."""
        first, zone, at = dt.date(year, 1, 1), self.zone(), minutes(self.start) % (24 * 60)
        found = (first + dt.timedelta(days=offset) for offset in range(372))
        return [
            dt.datetime.combine(day, dt.time(at // 60, at % 60), zone).astimezone(dt.UTC)
            for day in found
            if DAYS[day.weekday()] in self.days
        ]


def _moment(value: Any) -> str:
    """A date, with or without a time, as text; YAML has made it a value already."""
    try:
        return dt.datetime.fromisoformat(str(value).strip()).isoformat()
    except ValueError:
        raise ValueError(f"{str(value)[:60]!r} is not a date; write 2026-12-24 or 2026-12-24T08:00") from None


class FixedDate(base.Part):
    """From one moment to another, by the clocks of `timezone` (one that names its own offset is taken by that)."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"start", "end"})

    timezone: values.Text = "UTC"
    start: Annotated[str, pydantic.BeforeValidator(_moment)]
    end: Annotated[str, pydantic.BeforeValidator(_moment)]

    @pydantic.field_validator("timezone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        zones.find(name)
        return name

    @pydantic.model_validator(mode="after")
    def _lasts(self) -> Self:
        begins, ends = self.span()
        if begins >= ends:
            raise ValueError(f"it ends at {self.end}, before it starts at {self.start}")
        return self

    def span(self) -> tuple[dt.datetime, dt.datetime]:
        """When it begins, and when it is over."""
        begins, ends = (self._at(text) for text in (self.start, self.end))
        return begins, ends

    def _at(self, text: str) -> dt.datetime:
        found = dt.datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=zones.find(self.timezone))).astimezone(dt.UTC)

    def covers(self, moment: dt.datetime) -> bool:
        """Whether it lasts at the moment."""
        begins, ends = self.span()
        return begins <= moment < ends


_YEAR = 2026


def overlap(one: Recurrence, other: Recurrence) -> dt.datetime | None:
    """A moment that both cover; each lasts from its starts on, so that one start lies within the other, or none does."""
    candidates = [(moment, other) for moment in one.starts(_YEAR)] + [
        (moment, one) for moment in other.starts(_YEAR)
    ]
    return next((moment for moment, second in candidates if second.covers(moment)), None)
