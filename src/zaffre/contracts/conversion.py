"""What a conversion of a model is asked: the body of `POST .../models/NAME/versions/VERSION/convert`."""

import math
from typing import Any, Literal

import pydantic

from zaffre.contracts import manifests
from zaffre.core import errors, names

RTOL, ATOL = 1e-4, 1e-6


class Conversion(pydantic.BaseModel):
    """`sample` is a data asset (`azureml:rows:1`) or the address of stored files; `name` is the new version's model.

    Answers may differ by `atol` plus `rtol` times their size. `environment` must be able to load the model.
    """

    model_config = pydantic.ConfigDict(extra="forbid")

    to: Literal["onnx"] = "onnx"
    sample: str | None = None
    environment: str | None = None
    name: str | None = None
    rtol: float = pydantic.Field(default=RTOL, ge=0, le=1)
    atol: float = pydantic.Field(default=ATOL, ge=0)
    opset: int | None = pydantic.Field(default=None, ge=9, le=30)
    timeout_s: int = pydantic.Field(default=600, ge=10, le=86_400)

    @pydantic.field_validator("rtol", "atol")
    @classmethod
    def _is_finite(cls, value: float) -> float:
        if not math.isfinite(value):
            raise ValueError("it must be finite")
        return value

    @pydantic.field_validator("name")
    @classmethod
    def _name_follows_the_rule(cls, name: str | None) -> str | None:
        return None if name is None else _checked(names.check_asset_name, name)

    @pydantic.field_validator("sample")
    @classmethod
    def _sample_is_stored(cls, text: str | None) -> str | None:
        if text is None or manifests.is_address(text):
            return text
        _checked(names.parse_reference, text, kind="data")
        return text

    @pydantic.field_validator("environment")
    @classmethod
    def _environment_is_a_reference(cls, text: str | None) -> str | None:
        if text is not None:
            _checked(names.parse_reference, text, kind="environments")
        return text

    @classmethod
    def parse(cls, body: Any) -> "Conversion":
        """From a request's body. Raises Invalid with every problem in it."""
        try:
            return cls.model_validate(body)
        except pydantic.ValidationError as error:
            lines = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()[:20]]
            raise errors.Invalid("The conversion is not valid: " + "; ".join(lines) + ".") from error


def _checked(check: Any, text: str, **how: Any) -> str:
    try:
        check(text, **how)
    except errors.Invalid as error:
        raise ValueError(error.detail) from error
    return text
