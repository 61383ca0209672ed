"""A workspace: the walls between teams. It carries resource group and subscription as given, so that full ids resolve."""

from typing import Annotated, ClassVar, Literal

import pydantic

from zaffre.contracts import base, cloud, values
from zaffre.core import names


class WorkspaceStatus(base.Status):
    """What the server knows of a workspace."""

    mlflow_tracking_uri: str | None = None
    discovery_url: str | None = None
    provisioning_state: str | None = None


class WorkspaceExtension(base.Part):
    """`zaffre:` in a workspace's file: what a pure file has no key for."""

    subscription: values.Text | None = None


class Workspace(base.Entity):
    """A workspace; what only a cloud needs is kept and printed again, not used."""

    KIND: ClassVar[str] = "workspace"
    STATUS: ClassVar[type[base.Status]] = WorkspaceStatus
    READ_ONLY: ClassVar[frozenset[str]] = frozenset({"id", "mlflow_tracking_uri", "$schema"})
    NOT_IN_FILES: ClassVar[frozenset[str]] = frozenset({"subscription"})

    tags: values.Texts = {}
    display_name: values.Text | None = None
    location: values.Text | None = None
    resource_group: values.Text | None = None
    subscription: values.Text | None = None
    discovery_url: values.Text | None = None
    hbi_workspace: values.Flag = False
    storage_account: cloud.ResourceId | None = None
    container_registry: cloud.ResourceId | None = None
    key_vault: cloud.ResourceId | None = None
    application_insights: cloud.ResourceId | None = None
    image_build_compute: values.Text | None = None
    public_network_access: Annotated[Literal["Enabled", "Disabled"] | None, values.fold(str.capitalize)] = (
        None
    )
    system_datastores_auth_mode: values.Text | None = None
    primary_user_assigned_identity: values.Text | None = None
    workspace_hub: cloud.ResourceId | None = None
    provision_network_now: values.Flag | None = None
    enable_data_isolation: values.Flag = False
    allow_roleassignment_on_rg: values.Flag | None = None
    customer_managed_key: cloud.CustomerManagedKey | None = None
    network_acls: cloud.NetworkAcls | None = None
    identity: cloud.WorkspaceIdentity | None = None
    managed_network: cloud.ManagedNetwork | None = None
    serverless_compute: cloud.ServerlessComputeSettings | None = None
    zaffre: WorkspaceExtension | None = None
    status: WorkspaceStatus | None = pydantic.Field(default=None, repr=False)

    @pydantic.field_validator("name")
    @classmethod
    def _name_follows_the_rule(cls, name: str | None) -> str | None:
        return None if name is None else values.checked(names.check_workspace_name, name)
