"""Credentials under the names that users of `azure.identity` import, so that their code runs with a changed import line.

Zaffre authenticates by its own token, which the client finds in ZAFFRE_TOKEN or in the server's home; these
objects carry nothing and send nothing.
"""

from typing import Any

from zaffre.core import errors

# What users' code catches when no token can be had.
CredentialUnavailableError = errors.Unauthenticated


class DefaultAzureCredential:
    """A credential in name only: `MLClient` uses Zaffre's token."""

    def __init__(self, *args: Any, **options: Any) -> None:
        del args, options

    def get_token(self, *scopes: str, **options: Any) -> Any:
        """Always raises: Zaffre's own token is not handed to whoever asks for one of another place."""
        del options
        raise CredentialUnavailableError(
            f"A {type(self).__name__} of zaffre.identity has no token for {', '.join(scopes) or 'anybody'}; MLClient needs none.",
            hint="Leave the call out. For tokens of your own issuer use its library's credential.",
        )


class AzureCliCredential(DefaultAzureCredential):
    """A credential in name only."""


class CertificateCredential(DefaultAzureCredential):
    """A credential in name only."""


class ChainedTokenCredential(DefaultAzureCredential):
    """A credential in name only."""


class ClientSecretCredential(DefaultAzureCredential):
    """A credential in name only; the secret that it is made with is not kept."""


class DeviceCodeCredential(DefaultAzureCredential):
    """A credential in name only."""


class EnvironmentCredential(DefaultAzureCredential):
    """A credential in name only."""


class InteractiveBrowserCredential(DefaultAzureCredential):
    """A credential in name only."""


class ManagedIdentityCredential(DefaultAzureCredential):
    """A credential in name only."""


class WorkloadIdentityCredential(DefaultAzureCredential):
    """A credential in name only."""


__all__ = [
    "AzureCliCredential",
    "CertificateCredential",
    "ChainedTokenCredential",
    "ClientSecretCredential",
    "CredentialUnavailableError",
    "DefaultAzureCredential",
    "DeviceCodeCredential",
    "EnvironmentCredential",
    "InteractiveBrowserCredential",
    "ManagedIdentityCredential",
    "WorkloadIdentityCredential",
]
