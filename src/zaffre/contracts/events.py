"""The catalogue of facts: past tense, ids and values only. Audit, lineage, automation and the studio read these words."""

import datetime as dt
from typing import Any

import pydantic


class Event(pydantic.BaseModel):
    """Something that happened. The class name is the type's name."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def type_name(cls) -> str:
        return cls.__name__


class Envelope(pydantic.BaseModel):
    """A fact with its place and cause."""

    model_config = pydantic.ConfigDict(frozen=True)

    id: str
    time: dt.datetime
    type: str
    workspace: str
    subject: str
    actor: str
    reason: str = ""
    request_id: str = ""
    data: dict[str, Any] = {}


class TokenCreated(Event):
    token_id: str
    name: str


class TokenRevoked(Event):
    token_id: str
    name: str
