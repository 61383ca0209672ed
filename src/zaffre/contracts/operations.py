"""Long work that a caller can poll."""

from typing import Any, Literal

import pydantic

from zaffre.contracts import base

OperationState = Literal["Running", "Succeeded", "Failed", "Canceled", "TimedOut"]


class Progress(pydantic.BaseModel):
    """How far: a fraction from 0 to 1 where it is known, and one line for people."""

    model_config = pydantic.ConfigDict(extra="ignore")

    fraction: float | None = pydantic.Field(default=None, ge=0, le=1)
    message: str = ""


class Operation(pydantic.BaseModel):
    """One piece of long work. `error` is a problem document, `result` what the work made, e.g. `{"id": ...}`."""

    model_config = pydantic.ConfigDict(extra="ignore")

    id: str
    kind: str
    state: OperationState = "Running"
    workspace: str | None = None
    subject: str | None = None
    progress: Progress = pydantic.Field(default_factory=Progress)
    error: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    created_at: base.Moment | None = None
    modified_at: base.Moment | None = None

    @property
    def done(self) -> bool:
        """Whether the state is final."""
        return self.state != "Running"
