"""`ml_client.online_endpoints`: addresses, keys, traffic, and sending rows to them."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from zaffre.contracts import endpoint_keys, online_endpoint
from zaffre.core import errors
from zaffre.sdk import operations, paging, pollers, private

_AUDIENCE = "https://ml.azure.com"
_Opens = endpoint_keys.EndpointAuthKeys | endpoint_keys.EndpointAuthToken | endpoint_keys.EndpointAadToken
_SCORING_TIMEOUT = httpx.Timeout(200.0, connect=10.0)


class OnlineEndpointOperations:
    """Operations on online endpoints."""

    def __init__(self, scope: operations.Scope) -> None:
        self._scope = scope

    def begin_create_or_update(
        self,
        endpoint: online_endpoint.OnlineEndpoint,
        *,
        local: bool = False,
        port: int | None = None,
        **_: Any,
    ) -> pollers.Poller[online_endpoint.OnlineEndpoint]:
        """Makes an endpoint, or changes it: traffic, mirror, tags. Raises Invalid, NotFound (unknown deployment).

        `port`, with `local`, is where local endpoints answer from now on.
        """
        if local and self._scope.outer is None:
            here = OnlineEndpointOperations(private.scope(self._scope, port=port))
            return here.begin_create_or_update(endpoint)
        if not endpoint.name:
            raise errors.Invalid("The endpoint has no name.", hint="Give it one: name.")
        name = endpoint.name
        response = self._scope.wire.send("PUT", self._path(name), body=self._scope.bundled(endpoint))
        return self._scope.poller(response, lambda _: self.get(name))

    def begin_update(
        self, name: str, change: Callable[[online_endpoint.OnlineEndpoint], online_endpoint.OnlineEndpoint]
    ) -> pollers.Poller[online_endpoint.OnlineEndpoint]:
        """Reads an endpoint, changes it, sends it back. Raises Conflict when somebody else changed it meanwhile."""
        found, unless_changed = self._scope.tagged("online-endpoint", self._path(name))
        body = self._scope.bundled(change(found))
        response = self._scope.wire.send("PUT", self._path(name), body=body, headers=unless_changed)
        return self._scope.poller(response, lambda _: self.get(name))

    def get(self, name: str, *, local: bool = False) -> online_endpoint.OnlineEndpoint:
        """One endpoint as it is now."""
        here = self._at(local)
        return _read(here._scope.wire.get(here._path(name)))

    def list(
        self, *, local: bool = False, max_results: int | None = None
    ) -> Iterator[online_endpoint.OnlineEndpoint]:
        """Every endpoint of the workspace."""
        scope = self._at(local)._scope
        return paging.items(scope.wire, scope.path("online-endpoints"), _read, most=max_results)

    def begin_delete(self, name: str, *, local: bool = False) -> pollers.Poller[None]:
        """Removes an endpoint and its deployments, after their requests in flight are answered."""
        here = self._at(local)
        response = here._scope.wire.send("DELETE", here._path(name))
        return here._scope.poller(response, lambda _: None)

    def get_metrics(self, name: str, *, window: str = "1h") -> dict[str, Any]:
        """What an endpoint and each of its deployments did within a window that ends now; see `online_deployments`."""
        found: dict[str, Any] = self._scope.wire.get(self._path(name, "metrics"), window=str(window))
        return found

    def get_keys(self, name: str) -> _Opens:
        """What opens the endpoint: both keys, or a token. They are secrets. Raises Unauthenticated when neither this
        server nor the client's credential has a token for it."""
        return self._credentials(self.get(name))

    def _credentials(self, endpoint: online_endpoint.OnlineEndpoint) -> _Opens:
        name = str(endpoint.name)
        if endpoint.auth_mode == "key":
            keys = self._scope.wire.get(self._path(name, "credentials"))
            return endpoint_keys.EndpointAuthKeys(
                primary_key=keys["primary_key"], secondary_key=keys["secondary_key"]
            )
        if endpoint.auth_mode == "aml_token":
            given = self._scope.wire.send("POST", self._path(name, "token")).json()
            return endpoint_keys.EndpointAuthToken(**given)
        return self._foreign_token(endpoint)

    def _foreign_token(self, endpoint: online_endpoint.OnlineEndpoint) -> endpoint_keys.EndpointAadToken:
        """A token of the issuer, by the credential that the client was made with."""
        audience = (endpoint.zaffre.audience if endpoint.zaffre else None) or _AUDIENCE
        ask = getattr(self._scope.credential, "get_token", None)
        if ask is not None:
            # Those of zaffre.identity are credentials in name only.
            with contextlib.suppress(errors.Unauthenticated):
                return endpoint_keys.EndpointAadToken(ask(f"{audience}/.default"))
        raise errors.Unauthenticated(
            f"endpoints/{endpoint.name} is opened by tokens of an issuer (auth_mode aad_token), and this client has no "
            "credential that could get one.",
            hint=f"In Python MLClient(credential, ...) takes any object with get_token; the audience is {audience}. "
            "Elsewhere send a token of the issuer yourself: `Authorization: Bearer TOKEN`.",
        )

    def begin_regenerate_keys(
        self, name: str, *, key_type: str = "primary", key_value: str | None = None
    ) -> pollers.Poller[None]:
        """Makes a new primary or secondary key, or takes the given one; the old one stops working."""
        kind = str(key_type).lower()
        if kind not in ("primary", "secondary"):
            raise errors.Invalid(f"There is no key type {key_type!r}.", hint="Use primary or secondary.")
        response = self._scope.wire.send(
            "POST", self._path(name, "keys"), body={"key_type": kind, "key_value": key_value}
        )
        return self._scope.poller(response, lambda _: None)

    def regenerate_keys(self, name: str, *, key_type: str = "primary") -> None:
        """As `begin_regenerate_keys`, waiting for the end."""
        self.begin_regenerate_keys(name, key_type=key_type).result()

    def invoke(
        self,
        endpoint_name: str,
        *,
        request_file: str | Path | None = None,
        deployment_name: str | None = None,
        input_data: str | bytes | None = None,
        local: bool = False,
        **_: Any,
    ) -> str:
        """Sends the content of a file to the endpoint and returns the answer's text, as any client of it would; without
        one the body is empty."""
        here = self._at(local)
        endpoint = here.get(endpoint_name)
        address = endpoint.status.scoring_uri if endpoint.status else None
        if not address:
            raise errors.Unavailable(
                f"endpoints/{endpoint_name} has no address yet.", hint="Wait until it is provisioned."
            )
        headers = {"content-type": "application/json", **here._key(endpoint)}
        if deployment_name:
            headers["azureml-model-deployment"] = deployment_name
        verify = self._scope.wire.trust.context(address)
        # Behind a local endpoint somebody may be stepping through the call.
        timeout = httpx.Timeout(None) if here._scope.outer is not None else _SCORING_TIMEOUT
        with httpx.Client(timeout=timeout, verify=verify) as client:
            return _score(client, address, _payload(request_file, input_data), headers)

    def sample_request(self, endpoint_name: str) -> Any:
        """A body that the endpoint takes, as its own description (swagger.json) gives it; None when it gives none."""
        endpoint = self.get(endpoint_name)
        address = endpoint.status.openapi_uri if endpoint.status else None
        if not address:
            return None
        headers = self._key(endpoint)
        try:
            response = httpx.get(
                address, headers=headers, timeout=10, verify=self._scope.wire.trust.context(address)
            )
            described = response.json() if response.is_success else {}
        except (httpx.TransportError, ValueError):
            return None
        if not isinstance(described, dict):
            return None
        schema = described.get("definitions", {}).get("ServiceInput", {})
        return schema.get("example") or None if isinstance(schema, dict) else None

    def _at(self, local: bool) -> "OnlineEndpointOperations":
        """These operations, on the private server when that is meant."""
        return OnlineEndpointOperations(private.scope(self._scope)) if local else self

    def _key(self, endpoint: online_endpoint.OnlineEndpoint) -> dict[str, str]:
        found = self._credentials(endpoint)
        secret = (
            found.primary_key if isinstance(found, endpoint_keys.EndpointAuthKeys) else found.access_token
        )
        return {"authorization": f"Bearer {secret}"}

    def _path(self, name: str, *more: str) -> str:
        return self._scope.path("online-endpoints", name, *more)


def _payload(request_file: str | Path | None, data: str | bytes | None) -> bytes:
    if request_file is not None:
        try:
            return Path(request_file).read_bytes()
        except OSError as error:
            raise errors.NotFound(
                f"The request file {request_file} cannot be read: {error.strerror}."
            ) from error
    return data.encode() if isinstance(data, str) else data or b""


def _score(client: httpx.Client, address: str, body: bytes, headers: dict[str, str]) -> str:
    try:
        response = client.post(address, content=body, headers=headers)
    except httpx.TransportError as error:
        raise errors.Unavailable(
            f"{address} cannot be reached: {error}.", hint="See `zaffre online-endpoint show` for its state."
        ) from error
    if response.is_success:
        return response.text
    kind = _SCORING_ERRORS.get(response.status_code, errors.ZaffreError)
    hint = _LOGS if "azureml-model-deployment" in response.headers else _STATE
    if not body:
        hint = f"Nothing was sent; --request-file names a file to send. {hint}"
    raise kind(f"{address} answered {response.status_code}: {_said(response)}", hint=hint)


def _said(response: httpx.Response) -> str:
    """The router's answers are JSON around one sentence; a deployment's are its own."""
    text = response.text.strip()
    try:
        problem = json.loads(text)
    except ValueError:
        problem = None
    detail = problem.get("detail") if isinstance(problem, dict) else None
    return (detail if isinstance(detail, str) else text)[:2000] or response.reason_phrase


_LOGS = "The deployment's side of it: `zaffre online-deployment get-logs`."
_STATE = "`zaffre online-endpoint show` tells its deployments and their traffic."
_SCORING_ERRORS: dict[int, type[errors.ZaffreError]] = {
    400: errors.Invalid,
    401: errors.Unauthenticated,
    403: errors.Denied,
    404: errors.NotFound,
    413: errors.TooLarge,
    429: errors.TooMany,
    502: errors.Unavailable,
    503: errors.Unavailable,
    504: errors.Unavailable,
}


def _read(body: Any) -> online_endpoint.OnlineEndpoint:
    found: online_endpoint.OnlineEndpoint = operations.entity("online-endpoint", body)
    return found
