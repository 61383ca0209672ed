"""Errors under the names that users of `azure.core.exceptions` and `azure.ai.ml.exceptions` catch; none is defined here.

Those names are fewer than Zaffre's kinds of errors: whoever wants to tell them apart catches those of `zaffre.core.errors`.
"""

from zaffre.core.errors import (
    AlreadyExists,
    Conflict,
    Invalid,
    NotFound,
    Unauthenticated,
    Unavailable,
    ZaffreError,
)

AzureError = HttpResponseError = MlException = ZaffreError
AssetException = DeploymentException = ModelException = ZaffreError
ResourceNotFoundError = LocalEndpointNotFoundError = NotFound
ResourceModifiedError = Conflict
ResourceExistsError = AlreadyExists
ClientAuthenticationError = Unauthenticated
ServiceRequestError = ServiceResponseError = Unavailable
AssetPathException = EmptyDirectoryError = ValidationException = UserErrorException = Invalid

__all__ = [
    "AssetException",
    "AssetPathException",
    "AzureError",
    "ClientAuthenticationError",
    "DeploymentException",
    "EmptyDirectoryError",
    "HttpResponseError",
    "LocalEndpointNotFoundError",
    "MlException",
    "ModelException",
    "ResourceExistsError",
    "ResourceModifiedError",
    "ResourceNotFoundError",
    "ServiceRequestError",
    "ServiceResponseError",
    "UserErrorException",
    "ValidationException",
]
