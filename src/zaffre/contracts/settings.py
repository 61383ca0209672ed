"""The settings of a deployment: requests, probes, scaling, resources; with the documented defaults."""

from typing import Annotated, Any, ClassVar, Literal, Self

import pydantic

from zaffre.contracts import base, values

MAX_REQUEST_TIMEOUT_MS = 300_000  # what Azure takes on Kubernetes; managed ones may wait less there
TARGET_UTILIZATION_PERCENTAGE = 70


class _Defaulted(base.Part):
    DEFAULTS: ClassVar[dict[str, int]] = {}

    def with_defaults(self, **overrides: int) -> Self:
        """The same settings with the documented default in every place that was left open."""
        given = {name: getattr(self, name) for name in self.DEFAULTS if getattr(self, name) is not None}
        return type(self)(**{**self.DEFAULTS, **overrides, **given})


class OnlineRequestSettings(_Defaulted):
    """How long and how many: milliseconds, and calls that one worker handles at a time."""

    POSITIONAL: ClassVar[tuple[str, ...]] = (
        "max_concurrent_requests_per_instance", "request_timeout_ms", "max_queue_wait_ms",
    )  # fmt: skip
    DEFAULTS: ClassVar[dict[str, int]] = {
        "request_timeout_ms": 5000,
        "max_concurrent_requests_per_instance": 1,
        "max_queue_wait_ms": 500,
    }

    request_timeout_ms: Annotated[values.Whole, pydantic.Field(ge=1, le=MAX_REQUEST_TIMEOUT_MS)] | None = None
    max_concurrent_requests_per_instance: values.Positive | None = None
    max_queue_wait_ms: values.Count | None = None


class ProbeSettings(_Defaulted):
    """When an instance counts as alive or ready: seconds and numbers of tries."""

    DEFAULTS: ClassVar[dict[str, int]] = {
        "initial_delay": 10,
        "period": 10,
        "timeout": 2,
        "success_threshold": 1,
        "failure_threshold": 30,
    }

    initial_delay: values.Count | None = None
    period: values.Positive | None = None
    timeout: values.Positive | None = None
    success_threshold: values.Positive | None = None
    failure_threshold: values.Positive | None = None


class DefaultScaleSettings(base.Part):
    """A fixed number of instances."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"type"})

    type: Annotated[Literal["default"], values.SNAKE] = "default"

    @classmethod
    def matches_type(cls, given: Any) -> bool:
        """Whether a file's `type` means this one."""
        return isinstance(given, str) and values.snake(given) == "default"


class TargetUtilizationScaleSettings(base.Part):
    """As many instances as keep the utilization near a target."""

    REQUIRED: ClassVar[frozenset[str]] = frozenset({"type"})

    type: Annotated[Literal["target_utilization"], values.SNAKE] = "target_utilization"
    min_instances: values.Count | None = None
    max_instances: values.Positive | None = None
    polling_interval: values.Positive | None = None
    target_utilization_percentage: Annotated[values.Whole, pydantic.Field(ge=1, le=100)] | None = None

    @classmethod
    def matches_type(cls, given: Any) -> bool:
        """Whether a file's `type` means this one."""
        return isinstance(given, str) and values.snake(given) == "target_utilization"

    @pydantic.model_validator(mode="after")
    def _min_is_not_above_max(self) -> Self:
        low, high = self.min_instances, self.max_instances
        if low is not None and high is not None and low > high:
            raise ValueError(f"min_instances ({low}) is above max_instances ({high})")
        return self


class ResourceSettings(base.Part):
    """Kubernetes quantities: `cpu: "0.5"`, `memory: "1Gi"`, `gpu: "1"` (also written `nvidia.com/gpu`)."""

    POSITIONAL: ClassVar[tuple[str, ...]] = ("cpu", "memory", "gpu")
    ALSO_KNOWN: ClassVar[frozenset[str]] = frozenset({"nvidia.com/gpu"})

    cpu: values.Text | None = None
    memory: values.Text | None = None
    gpu: values.Text | None = None

    @pydantic.model_validator(mode="before")
    @classmethod
    def _plain_gpu(cls, data: Any) -> Any:
        if isinstance(data, dict) and "nvidia.com/gpu" in data and "gpu" not in data:
            return {("gpu" if key == "nvidia.com/gpu" else key): item for key, item in data.items()}
        return data


class ResourceRequirementsSettings(base.Part):
    """What each instance is promised, and what it may not exceed."""

    POSITIONAL: ClassVar[tuple[str, ...]] = ("requests", "limits")

    requests: ResourceSettings | None = None
    limits: ResourceSettings | None = None
