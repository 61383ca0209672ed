"""What opens an endpoint, as `online_endpoints.get_keys` gives it. Never stored or sent; printed forms show no secret."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class EndpointAuthKeys:
    """The two keys of an endpoint; either opens it."""

    primary_key: str | None = dataclasses.field(default=None, repr=False)
    secondary_key: str | None = dataclasses.field(default=None, repr=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EndpointAuthToken:
    """A token that this server signed, for one endpoint until it expires; times are seconds since 1970."""

    access_token: str | None = dataclasses.field(default=None, repr=False)
    expiry_time_utc: float = 0
    refresh_after_time_utc: float = 0
    token_type: str | None = None


@dataclasses.dataclass(init=False)
class EndpointAadToken:
    """A token of an issuer, made from what a credential gives: anything with `token` and `expires_on`."""

    access_token: str = dataclasses.field(repr=False)
    expiry_time_utc: float
    refresh_after_time_utc: float
    token_type: str

    def __init__(self, obj: Any) -> None:
        self.access_token = obj.token
        self.expiry_time_utc = self.refresh_after_time_utc = obj.expires_on  # credentials renew by themselves
        self.token_type = "Bearer"  # noqa: S105  # the word that stands before a token
