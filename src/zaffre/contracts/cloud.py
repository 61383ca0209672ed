"""What only a cloud needs in a workspace's file: checked as users wrote it, kept, printed again, not used here."""

import re
from typing import Annotated, Any, ClassVar, Literal

import pydantic

from zaffre.contracts import base, values

_RESOURCE = re.compile(
    r"/subscriptions/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/resourcegroups/.*/providers/[a-z.]*/[a-z]*/.*",
    re.IGNORECASE,
)


def _resource(text: str) -> str:
    if not _RESOURCE.fullmatch(text):
        raise ValueError("must be a full resource id: /subscriptions/ID/resourceGroups/GROUP/providers/...")
    return text


def _url(text: str) -> str:
    if not re.fullmatch(r"(https?|ftps?)://[^\s/?#]+\S*", text, re.IGNORECASE):
        raise ValueError("must be a web address")
    return text


ResourceId = Annotated[values.Text, pydantic.AfterValidator(_resource)]
Url = Annotated[values.Text, pydantic.AfterValidator(_url)]


class CustomerManagedKey(base.Part):
    """Where a cloud workspace finds its encryption key."""

    POSITIONAL: ClassVar[tuple[str, ...]] = ("key_vault", "key_uri", "cosmosdb_id", "storage_id", "search_id")

    key_vault: values.Text | None = None
    key_uri: Url | None = None
    cosmosdb_id: values.Text | None = None
    storage_id: values.Text | None = None
    search_id: values.Text | None = None


class IPRule(base.Part):
    """One address or range."""

    POSITIONAL: ClassVar[tuple[str, ...]] = ("value",)

    value: values.Text


class NetworkAcls(base.Part):
    """Which addresses a cloud workspace answers."""

    MAY_BE_EMPTY: ClassVar[frozenset[str]] = frozenset({"ip_rules"})

    default_action: Literal["Deny", "Allow"]
    ip_rules: Annotated[list[IPRule] | None, values.Items] = None

    @pydantic.model_validator(mode="after")
    def _deny_needs_rules(self) -> "NetworkAcls":
        if self.default_action == "Deny" and not self.ip_rules:
            raise ValueError("ip_rules must be given when default_action is Deny")
        return self


class UserAssignedIdentity(base.Part):
    """One identity by its ids."""

    principal_id: values.Text | None = None
    client_id: values.Text | None = None
    resource_id: values.Text | None = None


class WorkspaceIdentity(base.Part):
    """The identities of a cloud workspace."""

    MAY_BE_EMPTY: ClassVar[frozenset[str]] = frozenset({"user_assigned_identities"})

    type: Annotated[
        Literal["system_assigned", "user_assigned", "none", "system_assigned,user_assigned"], values.SNAKE
    ]
    principal_id: values.Text | None = None
    tenant_id: values.Text | None = None
    user_assigned_identities: dict[values.Text, UserAssignedIdentity | None] | None = None


class ServerlessComputeSettings(base.Part):
    """The network of computes that a cloud makes by itself."""

    READ_ONLY: ClassVar[frozenset[str]] = frozenset({"$schema"})
    MAY_BE_EMPTY: ClassVar[frozenset[str]] = frozenset({"custom_subnet"})

    custom_subnet: ResourceId | Literal["None"] | None = None
    no_public_ip: values.Flag = False


class ManagedNetwork(base.Part):
    """The network of a cloud workspace; its rules are kept as they are."""

    model_config = pydantic.ConfigDict(extra="ignore", populate_by_name=True)

    isolation_mode: Annotated[
        Literal["disabled", "allow_internet_outbound", "allow_only_approved_outbound"], values.SNAKE
    ]
    outbound_rules: Annotated[list[dict[str, Any]] | None, values.Items] = None
    firewall_sku: Annotated[Literal["standard", "basic"] | None, values.SNAKE] = None
