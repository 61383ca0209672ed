"""Errors under the names that users of `azure.core.exceptions` and `azure.ai.ml.exceptions` catch; none is defined here.

Those names are fewer than Zaffre's kinds of errors: whoever wants to tell them apart catches those of `zaffre.core.errors`.
"""

from zaffre.core.errors import (
    AlreadyExists,
    Invalid,
    NotFound,
    Unauthenticated,
    Unavailable,
    ZaffreError,
)

AzureError = HttpResponseError = MlException = ZaffreError
ResourceNotFoundError = NotFound
ResourceExistsError = AlreadyExists
ClientAuthenticationError = Unauthenticated
ServiceRequestError = ServiceResponseError = Unavailable
ValidationException = UserErrorException = Invalid

__all__ = [
    "AzureError",
    "ClientAuthenticationError",
    "HttpResponseError",
    "MlException",
    "ResourceExistsError",
    "ResourceNotFoundError",
    "ServiceRequestError",
    "ServiceResponseError",
    "UserErrorException",
    "ValidationException",
]
