"""What a load profile is asked, and what it says: the fields of Azure ML's `Model.profile`, by the names it gave them."""

import math
from typing import Annotated, Any, Literal

import pydantic

from zaffre.contracts import manifests
from zaffre.core import errors, names

CPU_RANGE, MEMORY_RANGE = (0.1, 3.5), (0.1, 15.0)
TIMEOUT_S = 25 * 60
"""As long as a profile of Azure ML takes at most."""
State = Literal["Succeeded", "Failed", "Cancelled", "TimedOut"]


class Profile(pydantic.BaseModel):
    """The body of `POST .../profiles`. `cpu` and `memory_in_gb` are the largest size that is tried (1 GB is 2^30 bytes).

    Either `models` (one, scored without a script) or `deployment` (model, code, environment as in a deployment's file).
    `data` is a data asset (`azureml:bodies:1`) or stored files; each row is the literal body of a request.
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    name: Annotated[str, pydantic.Field(min_length=1, max_length=255)]
    models: list[str] = []
    deployment: dict[str, Any] | None = None
    data: str | None = None
    cpu: Annotated[float, pydantic.Field(ge=CPU_RANGE[0], le=CPU_RANGE[1])] | None = None
    memory_in_gb: Annotated[float, pydantic.Field(ge=MEMORY_RANGE[0], le=MEMORY_RANGE[1])] = 2.0
    requests_per_second: Annotated[float, pydantic.Field(gt=0, le=10_000)] | None = None
    latency_ms: Annotated[float, pydantic.Field(gt=0)] | None = None
    timeout_s: Annotated[int, pydantic.Field(ge=1, le=86_400)] = TIMEOUT_S
    description: str | None = None

    @pydantic.field_validator("name")
    @classmethod
    def _name_follows_the_rule(cls, name: str) -> str:
        try:
            return names.check_asset_name(name, kind="profile")
        except errors.Invalid as error:
            raise ValueError(error.detail) from error

    @pydantic.field_validator("data")
    @classmethod
    def _data_are_stored(cls, text: str | None) -> str | None:
        if text is None or manifests.is_address(text):
            return text
        try:
            names.parse_reference(text, kind="data")
        except errors.Invalid as error:
            raise ValueError(error.detail) from error
        return text

    @pydantic.model_validator(mode="after")
    def _says_what_to_profile(self) -> "Profile":
        if bool(self.models) == bool(self.deployment):
            raise ValueError("give either models or deployment")
        for value in (self.cpu, self.memory_in_gb, self.requests_per_second, self.latency_ms):
            if value is not None and not math.isfinite(value):
                raise ValueError("numbers must be finite")
        return self

    @classmethod
    def parse(cls, body: Any) -> "Profile":
        """From a request's body. Raises Invalid with every problem in it."""
        try:
            return cls.model_validate(body)
        except pydantic.ValidationError as error:
            lines = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:20]]
            raise errors.Invalid("The profile is not valid: " + "; ".join(lines) + ".") from error
