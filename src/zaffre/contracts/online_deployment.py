"""An online deployment: model, code, environment and settings that answer behind an endpoint."""

import os
from typing import Annotated, Any, ClassVar, Literal, Self

import pydantic

from zaffre.contracts import base, environment, model, values
from zaffre.contracts import online_endpoint as endpoint
from zaffre.contracts.alerts import AlertRules
from zaffre.contracts.autoscale import Autoscale
from zaffre.contracts.collection import DataCollector
from zaffre.contracts.onnx import OnnxSettings
from zaffre.contracts.settings import (
    DefaultScaleSettings,
    OnlineRequestSettings,
    ProbeSettings,
    ResourceRequirementsSettings,
    TargetUtilizationScaleSettings,
)
from zaffre.core import errors, names

INLINE, REFERENCE = "<inline>", "<reference>"


class DeploymentStatus(base.Status):
    """What the server knows of a deployment."""

    provisioning_state: endpoint.ProvisioningState | None = None
    service_state: endpoint.ServiceState | None = None
    revision: str | None = None
    reason: str | None = None
    last_log_lines: list[str] = []
    instances_ready: int = 0
    instances_total: int = 0
    # The last change of the number of instances that the server made by itself.
    scale_reason: str | None = None
    scaled_at: base.Moment | None = None
    # What the machine does not do for its processes: keep them apart, or within their limits.
    isolation_note: str | None = None
    limits_note: str | None = None
    # What was wrong with the machine when this revision was accepted.
    machine_note: str | None = None
    # What its data_collector does not do yet.
    collection_note: str | None = None
    # The versions that the references were resolved to when the revision was made.
    model_ids: list[str] = []
    environment_id: str | None = None
    environment_lock_digest: str | None = None
    environment_note: str | None = None
    code_digest: str | None = None
    traffic: int = 0
    mirror_traffic: int = 0
    # Its alert rules, and its endpoint's, that hold now: name, moment, measured value.
    firing_alerts: list[str] = []


class DeploymentExtension(base.Part):
    """`zaffre:` in a deployment's file."""

    # Registered models of an ensemble, laid out as $AZUREML_MODEL_DIR/NAME/VERSION.
    models: Annotated[list[values.Text], values.Items] = []
    # False: the router never repeats a request on another replica.
    retry: values.Flag = True
    # Rules on its figures; one that begins or ceases to hold is an event.
    alerts: AlertRules = []
    # A port of this machine at which the process waits for a debugger before it starts the script.
    debugger_port: values.Positive | None = None
    # Most requests that are scored in one call, where the loader knows that the model takes many rows.
    max_batch: values.Positive | None = None
    # `onnx`: the model is converted when it is deployed, if both forms answer alike; False below: else it is served as it is.
    optimize: Annotated[Literal["onnx"] | None, values.LOWER] = None
    optimize_required: values.Flag | None = None
    onnx: OnnxSettings | None = None
    # Bounds, rules and recurring profiles for the number of instances; scaling to zero.
    autoscale: Autoscale | None = None

    @pydantic.field_validator("models")
    @classmethod
    def _are_references(cls, models: list[str]) -> list[str]:
        for text in models:
            values.checked(names.parse_reference, text, kind="models")
        twice = sorted({text for text in models if models.count(text) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} is given twice")
        return models


class CodeConfiguration(base.Part):
    """The folder of the user's code and the script in it that has `init` and `run`."""

    POSITIONAL: ClassVar[tuple[str, ...]] = ("code", "scoring_script")
    READ_ONLY: ClassVar[frozenset[str]] = frozenset({"$schema"})
    PATHS: ClassVar[frozenset[str]] = frozenset({"code"})
    INSIDE: ClassVar[frozenset[str]] = frozenset({"scoring_script"})

    code: values.PathText | None = None
    scoring_script: values.PathText | None = None


def _branch(value: Any) -> str:
    return REFERENCE if isinstance(value, str | os.PathLike) else INLINE


def _reference(kind: str) -> pydantic.AfterValidator:
    def check(text: str, info: pydantic.ValidationInfo) -> str:
        if (info.context or {}).get("file") and not text.startswith(names.PREFIX):
            raise values.RefusedError(_without_prefix(text))
        values.checked(names.parse_reference, text, kind=kind)
        return text

    return pydantic.AfterValidator(check)


def _without_prefix(text: str) -> errors.Invalid:
    """A reference without its prefix, which in a file could be a path as well."""
    return errors.Invalid(
        f"{text[:120]!r} is not a reference: it lacks the prefix 'azureml:'",
        hint="Write azureml:NAME:VERSION, or a mapping with 'path' for a local file.",
    )


ModelOrReference = Annotated[
    Annotated[values.Text, _reference("models"), pydantic.Tag(REFERENCE)]
    | Annotated[model.Model, pydantic.Tag(INLINE)],
    pydantic.Discriminator(_branch),
]
EnvironmentOrReference = Annotated[
    Annotated[values.Text, _reference("environments"), pydantic.Tag(REFERENCE)]
    | Annotated[environment.Environment, pydantic.Tag(INLINE)],
    pydantic.Discriminator(_branch),
]


def _scale_branch(value: Any) -> str:
    given = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return "default" if isinstance(given, str) and values.snake(given) == "default" else "target_utilization"


ScaleSettings = Annotated[
    Annotated[DefaultScaleSettings, pydantic.Tag("default")]
    | Annotated[TargetUtilizationScaleSettings, pydantic.Tag("target_utilization")],
    pydantic.Discriminator(_scale_branch),
]


class OnlineDeployment(base.Entity):
    """A deployment of either kind. `model` and `environment` are references, or are given inline."""

    KIND: ClassVar[str] = "online-deployment"
    STATUS: ClassVar[type[base.Status]] = DeploymentStatus
    POSITIONAL: ClassVar[tuple[str, ...]] = ("name",)
    READ_ONLY: ClassVar[frozenset[str]] = frozenset({"$schema"})
    COMPUTED: ClassVar[frozenset[str]] = frozenset({"id", "provisioning_state"})
    REQUIRED: ClassVar[frozenset[str]] = frozenset({"name", "endpoint_name"})
    FILE_REFERENCES: ClassVar[frozenset[str]] = frozenset({"environment"})

    endpoint_name: values.Text | None = None
    type: Annotated[Literal["managed", "kubernetes"], values.SNAKE] = "managed"
    properties: values.Words = {}
    model: ModelOrReference | None = None
    code_configuration: CodeConfiguration | None = None
    environment: EnvironmentOrReference | None = None
    environment_variables: values.Words = {}
    instance_type: values.Text | None = None
    instance_count: values.Count | None = None
    app_insights_enabled: values.Flag = False
    model_mount_path: values.Text | None = None
    scale_settings: ScaleSettings | None = None
    request_settings: OnlineRequestSettings | None = None
    liveness_probe: ProbeSettings | None = None
    readiness_probe: ProbeSettings | None = None
    data_collector: DataCollector | None = None
    zaffre: DeploymentExtension | None = None
    status: DeploymentStatus | None = pydantic.Field(default=None, repr=False)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _promote_code_arguments(cls, data: Any, info: pydantic.ValidationInfo) -> Any:
        if isinstance(data, dict) and not info.context and ("code_path" in data or "scoring_script" in data):
            return _with_code(dict(data))
        return data

    @pydantic.field_validator("name")
    @classmethod
    def _name_follows_the_rule(cls, name: str | None) -> str | None:
        return None if name is None else values.checked(names.check_deployment_name, name).lower()

    @pydantic.field_validator("endpoint_name")
    @classmethod
    def _endpoint_name_follows_the_rule(cls, name: str | None) -> str | None:
        return None if name is None else values.checked(names.check_endpoint_name, name).lower()

    @pydantic.field_validator("environment_variables")
    @classmethod
    def _can_be_variables(cls, variables: dict[str, str]) -> dict[str, str]:
        wrong = [name for name in variables if not name or "=" in name]
        if wrong:
            raise ValueError(f"{wrong[0]!r} cannot be the name of a variable")
        return variables

    @pydantic.model_validator(mode="after")
    def _one_model_or_many(self) -> Self:
        if self.model is not None and self.zaffre is not None and self.zaffre.models:
            raise ValueError("give either 'model' or 'zaffre.models', not both")
        return self

    @pydantic.model_validator(mode="after")
    def _scales_in_one_way(self) -> Self:
        if self.zaffre is not None and self.zaffre.autoscale is not None:
            by_target = isinstance(self.scale_settings, TargetUtilizationScaleSettings)
            self.zaffre.autoscale.check_beside(by_target=by_target)
            self.zaffre.autoscale.check_names(deployment=self.name, endpoint=self.endpoint_name)
        return self

    @property
    def code_path(self) -> str | None:
        """`code_configuration.code`."""
        return self.code_configuration.code if self.code_configuration else None

    @code_path.setter
    def code_path(self, path: str) -> None:
        self.code_configuration = CodeConfiguration(code=path, scoring_script=self.scoring_script)

    @property
    def scoring_script(self) -> str | None:
        """`code_configuration.scoring_script`."""
        return self.code_configuration.scoring_script if self.code_configuration else None

    @scoring_script.setter
    def scoring_script(self, name: str) -> None:
        self.code_configuration = CodeConfiguration(code=self.code_path, scoring_script=name)


def _with_code(data: dict[str, Any]) -> dict[str, Any]:
    code, script = data.pop("code_path", None), data.pop("scoring_script", None)
    if code is None and script is None:
        return data
    if data.get("code_configuration") is not None:
        raise ValueError("give either code_configuration, or code_path and scoring_script, not both")
    data["code_configuration"] = CodeConfiguration(code=code, scoring_script=script)
    return data


class ManagedOnlineDeployment(OnlineDeployment):
    """A deployment on machines that Zaffre looks after."""

    READ_ONLY: ClassVar[frozenset[str]] = frozenset({"$schema", "creation_context"})
    REQUIRED: ClassVar[frozenset[str]] = frozenset({"name", "endpoint_name", "instance_type"})

    type: Annotated[Literal["managed"], values.SNAKE] = "managed"
    egress_public_network_access: Annotated[Literal["enabled", "disabled"] | None, values.LOWER] = None
    private_network_connection: values.Flag | None = None


class KubernetesOnlineDeployment(OnlineDeployment):
    """A deployment on an attached Kubernetes cluster."""

    type: Annotated[Literal["kubernetes"], values.SNAKE] = "kubernetes"
    resources: ResourceRequirementsSettings | None = None
