"""What models, data and environments share: name, version, labels and the status of a stored version."""

from typing import Annotated, ClassVar, Literal

import pydantic

from zaffre.contracts import base, values
from zaffre.core import errors, names


class AssetStatus(base.Status):
    """What the server knows of a version: its manifest, labels, and whether it is archived."""

    latest_version: str | None = None
    archived: bool = False
    # `latest` when it is the newest, and the aliases that point at this version.
    labels: list[str] = []
    manifest_digest: str | None = None
    size: int | None = None
    file_count: int | None = None
    warnings: list[str] = []


class AutoDeleteSetting(base.Part):
    """When a version may be deleted by itself; kept, not acted upon."""

    value: values.Text | None = None
    condition: Annotated[Literal["created_greater_than", "last_accessed_greater_than"], values.SNAKE] = (
        "created_greater_than"
    )


class Asset(base.Entity):
    """One version of something that is registered by name."""

    STATUS: ClassVar[type[base.Status]] = AssetStatus

    version: values.Version | None = None
    properties: values.Words = {}
    datastore: values.Text | None = None
    auto_delete_setting: AutoDeleteSetting | None = None

    @pydantic.field_validator("name")
    @classmethod
    def _name_follows_the_rule(cls, name: str | None) -> str | None:
        return None if name is None else values.checked(names.check_asset_name, name, kind=cls.KIND)

    @pydantic.field_validator("version")
    @classmethod
    def _version_follows_the_rule(cls, version: str | None) -> str | None:
        return None if version is None else values.checked(names.check_version, version)

    @pydantic.model_validator(mode="after")
    def _version_needs_a_name(self) -> "Asset":
        if self.version is not None and self.name is None:
            raise ValueError("a version needs a name")
        return self

    @property
    def reference(self) -> str:
        """`azureml:churn:3`."""
        if self.name is None:
            raise errors.Invalid(f"This {self.KIND} has no name yet.")
        return str(names.Reference(self.name, version=self.version))
