"""A registered model: a logical container for one or more files."""

from typing import Annotated, ClassVar, Literal

import pydantic

from zaffre.contracts import assets, base, values

ModelType = Annotated[Literal["custom_model", "mlflow_model", "triton_model"], values.LOWER]


class ModelStatus(assets.AssetStatus):
    """What the server knows of a model version."""

    # The job that made it; none yet, and users' code asks.
    job_name: str | None = None
    # One sentence per thing that whoever loads the model should know, e.g. that a pickle runs code.
    used_by: list[str] = []


class ModelExtension(base.Part):
    """`zaffre:` in a model's file."""

    # Aliases that this version takes over when it is registered.
    aliases: values.Aliases = []


class DeploymentTemplateReference(base.Part):
    """A deployment template of a registry; kept, not used."""

    asset_id: values.Text | None = None


class Model(assets.Asset):
    """One version of a model. `path` is a file or folder, or an address; the type says how it is loaded."""

    KIND: ClassVar[str] = "model"
    STATUS: ClassVar[type[base.Status]] = ModelStatus
    READ_ONLY: ClassVar[frozenset[str]] = frozenset(
        {
            "id", "utc_time_created", "creation_context", "job_name", "latest_version",
            "intellectual_property", "$schema",
        }
    )  # fmt: skip
    HINTS: ClassVar[dict[str, str]] = {
        **dict.fromkeys(("local_path", "model_uri"), "This key is of an early preview; write 'path'."),
        "model_format": "This key is of an early preview; write 'type': custom_model, mlflow_model or triton_model.",
    }
    PATHS: ClassVar[frozenset[str]] = frozenset({"path"})
    NOT_IN_FILES: ClassVar[frozenset[str]] = frozenset({"auto_delete_setting"})

    type: ModelType = "custom_model"
    path: values.PathText | None = None
    stage: values.Text | None = None
    flavors: values.Free | None = None
    system_metadata: values.Free | None = None
    default_deployment_template: DeploymentTemplateReference | None = None
    allowed_deployment_templates: Annotated[list[DeploymentTemplateReference] | None, values.Items] = None
    zaffre: ModelExtension | None = None
    status: ModelStatus | None = pydantic.Field(default=None, repr=False)
