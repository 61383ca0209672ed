"""Credentials under the names that users of `azure.identity` import, so that their code runs with a changed import line.

Zaffre authenticates by its own token, which the client finds in ZAFFRE_TOKEN or in the server's home; these
objects carry nothing and send nothing.
"""

from typing import Any


class DefaultAzureCredential:
    """A credential in name only: `MLClient` uses Zaffre's token."""

    def __init__(self, *args: Any, **options: Any) -> None:
        del args, options


class InteractiveBrowserCredential(DefaultAzureCredential):
    """A credential in name only."""


class AzureCliCredential(DefaultAzureCredential):
    """A credential in name only."""


class ManagedIdentityCredential(DefaultAzureCredential):
    """A credential in name only."""


__all__ = [
    "AzureCliCredential",
    "DefaultAzureCredential",
    "InteractiveBrowserCredential",
    "ManagedIdentityCredential",
]
