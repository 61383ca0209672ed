"""An online endpoint: one address, one way to authenticate, and a split of traffic over deployments."""

from typing import Annotated, Any, ClassVar, Literal

import pydantic

from zaffre.contracts import base, values
from zaffre.contracts.alerts import AlertRules
from zaffre.core import names

AuthMode = Annotated[Literal["key", "aml_token", "aad_token"], values.SNAKE]
ProvisioningState = Literal["Creating", "Updating", "Scaling", "Succeeded", "Failed", "Deleting"]
ServiceState = Literal["Transitioning", "Unhealthy", "Unschedulable", "Failed", "Healthy"]
MAX_MIRROR_PERCENT = 50


def _percentages(value: Any) -> Any:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError("must be a mapping of deployment names to per cent")
    return {key.lower() if isinstance(key, str) else key: share for key, share in value.items()}


Percentages = Annotated[dict[values.Text, values.Whole], pydantic.BeforeValidator(_percentages)]


class EndpointStatus(base.Status):
    """What the server knows of an endpoint."""

    scoring_uri: str | None = None
    openapi_uri: str | None = None
    provisioning_state: ProvisioningState | None = None
    service_state: ServiceState | None = None
    # The split that the router runs now; it follows the wanted one.
    running_traffic: dict[str, int] = {}
    running_mirror_traffic: dict[str, int] = {}
    deployments: list[str] = []
    reason: str | None = None
    # The alert rules of it and of its deployments that hold now.
    firing_alerts: list[str] = []


class ManagedIdentityConfiguration(base.Part):
    """An identity that a cloud would give; kept, not used on this machine."""

    client_id: values.Text | None = None
    resource_id: values.Text | None = None
    object_id: values.Text | None = None
    principal_id: values.Text | None = None


class IdentityConfiguration(base.Part):
    """Identities of an endpoint; kept, not used on this machine."""

    type: Annotated[Literal["system_assigned", "user_assigned", "none"], values.SNAKE]
    user_assigned_identities: Annotated[list[ManagedIdentityConfiguration] | None, values.Items] = None
    principal_id: values.Text | None = None
    tenant_id: values.Text | None = None

    @pydantic.field_validator("user_assigned_identities")
    @classmethod
    def _one_at_most(cls, given: list[Any] | None) -> list[Any] | None:
        if given is not None and len(given) > 1:
            raise ValueError(f"at most one identity can be assigned, not {len(given)}")
        return given


class EndpointExtension(base.Part):
    """`zaffre:` in an endpoint's file."""

    # False: the router never repeats a request of this endpoint on another replica.
    retry: values.Flag = True
    # Rules on its figures; one that begins or ceases to hold is an event.
    alerts: AlertRules = []
    # With auth_mode aad_token: who signs tokens (of those that the server trusts), for whom they must be, and claims that
    # they must have, as {roles: score}.
    issuer: values.Text | None = None
    audience: values.Text | None = None
    required_claims: values.Words = {}


class OnlineEndpoint(base.Entity):
    """An endpoint of either kind; `traffic` gives each deployment its share in per cent, `mirror_traffic` a copy."""

    KIND: ClassVar[str] = "online-endpoint"
    STATUS: ClassVar[type[base.Status]] = EndpointStatus
    READ_ONLY: ClassVar[frozenset[str]] = frozenset({"kind", "$schema"})
    COMPUTED: ClassVar[frozenset[str]] = frozenset({"id", "scoring_uri", "openapi_uri", "provisioning_state"})

    properties: values.Words = {}
    auth_mode: AuthMode = "key"
    traffic: Percentages = {}
    mirror_traffic: Percentages = {}
    identity: IdentityConfiguration | None = None
    location: values.Text | None = None
    zaffre: EndpointExtension | None = None
    status: EndpointStatus | None = pydantic.Field(default=None, repr=False)

    @pydantic.field_validator("name")
    @classmethod
    def _name_follows_the_rule(cls, name: str | None) -> str | None:
        return None if name is None else values.checked(names.check_endpoint_name, name).lower()

    @pydantic.field_validator("traffic")
    @classmethod
    def _traffic_sums_to_all_or_nothing(
        cls, traffic: dict[str, int], info: pydantic.ValidationInfo
    ) -> dict[str, int]:
        _check_shares(traffic)
        total = sum(traffic.values())
        if total not in (0, 100):
            of = f" of endpoint {info.data['name']}" if info.data.get("name") else ""
            raise ValueError(f"the percentages{of} must sum to 0 or 100, not {total}")
        return traffic

    @pydantic.field_validator("mirror_traffic")
    @classmethod
    def _mirror_is_small(cls, mirror: dict[str, int]) -> dict[str, int]:
        _check_shares(mirror)
        mirrored = [name for name, share in mirror.items() if share]
        if len(mirrored) > 1:
            raise ValueError(f"traffic can be mirrored to one deployment only, not to {', '.join(mirrored)}")
        if any(share > MAX_MIRROR_PERCENT for share in mirror.values()):
            raise ValueError(f"at most {MAX_MIRROR_PERCENT} per cent can be mirrored")
        return mirror

    @pydantic.model_validator(mode="after")
    def _live_or_mirror(self) -> "OnlineEndpoint":
        both = sorted(name for name, share in self.mirror_traffic.items() if share and self.traffic.get(name))
        if both:
            raise ValueError(f"deployment {both[0]!r} cannot take live traffic and mirrored traffic at once")
        return self


def _check_shares(shares: dict[str, int]) -> None:
    for name, share in shares.items():
        if not 0 <= share <= 100:
            raise ValueError(f"the share of {name!r} must be from 0 to 100 per cent, not {share}")


class ManagedOnlineEndpoint(OnlineEndpoint):
    """An endpoint on machines that Zaffre looks after."""

    public_network_access: Annotated[Literal["enabled", "disabled"] | None, values.LOWER] = None


def _compute(text: str, info: pydantic.ValidationInfo) -> str:
    if (info.context or {}).get("file") and not text.startswith(names.PREFIX):
        raise ValueError(f"{text!r} lacks the prefix 'azureml:'")
    return text


class KubernetesOnlineEndpoint(OnlineEndpoint):
    """An endpoint on an attached Kubernetes cluster."""

    compute: Annotated[values.Text, pydantic.AfterValidator(_compute)] | None = None
