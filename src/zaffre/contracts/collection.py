"""What a deployment keeps of its inputs and outputs."""

from typing import Annotated, Any, ClassVar, Literal

import pydantic

from zaffre.contracts import base, values


def _switch(value: Any, info: pydantic.ValidationInfo) -> Any:
    if isinstance(value, bool) and not (info.context or {}).get("file"):
        return "true" if value else "false"
    if isinstance(value, bool):
        raise ValueError(f"must be text; put it in quotes: '{str(value).lower()}'")
    return value.lower() if isinstance(value, str) else value


class DataAsset(base.Part):
    """Where the collected rows are kept."""

    name: values.Text | None = None
    path: values.Text | None = None
    version: values.Text | None = None
    data_id: values.Text | None = None


class DeploymentCollection(base.Part):
    """One stream of collected rows, such as `model_inputs`."""

    enabled: Annotated[Literal["true", "false"], pydantic.BeforeValidator(_switch)]
    data: Annotated[DataAsset | values.Text | None, pydantic.Field(union_mode="left_to_right")] = None
    client_id: values.Text | None = None


class RequestLogging(base.Part):
    """Headers that are kept beside the payload."""

    capture_headers: Annotated[list[values.Text] | None, values.Items] = None


class DataCollector(base.Part):
    """Which streams are collected, how many of a hundred requests, and how files are cut by time."""

    POSITIONAL: ClassVar[tuple[str, ...]] = ("collections",)

    collections: dict[values.Text, DeploymentCollection]
    rolling_rate: Annotated[Literal["minute", "hour", "day"] | None, values.LOWER] = None
    sampling_rate: Annotated[values.Number, pydantic.Field(ge=0, le=1)] | None = None
    request_logging: RequestLogging | None = None
