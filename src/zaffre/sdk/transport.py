"""One HTTP session with the server: addresses, headers, retries, and errors turned back into Zaffre's.

Called by the operations of every noun. Knows no noun and no entity. A call that may not be repeated is repeated
only when it certainly never reached the server.
"""

import contextlib
import platform
import re
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx

from zaffre.core import errors
from zaffre.sdk import connection, trust

_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE"})
_AGAIN = frozenset({502, 503, 504})
_FIRST_PATIENCE_S = 2.0
_PATIENCE_S = 30.0
_TIMEOUT = httpx.Timeout(60.0, connect=10.0)

Pairs = list[tuple[str, str | int | float | bool | None]]
Content = bytes | Callable[[], Iterable[bytes]] | None


class Transport:
    """Sends requests. `reason` travels with every change; `report` hears of waits for a server that went away."""

    def __init__(
        self,
        where: connection.Connection,
        *,
        version: str = "",
        reason: str = "",
        report: Callable[[str], None] | None = None,
        trace: Callable[[str], None] | None = None,
        believed: trust.Trust | None = None,
    ) -> None:
        self.url = where.url
        self.trust = believed or trust.Trust.find()
        self.reason = reason
        self.report = report
        self._trace = trace
        self._spoke = False
        self._client = httpx.Client(
            base_url=where.url,
            verify=self.trust.context(where.url),
            timeout=_TIMEOUT,
            follow_redirects=False,
            headers={
                "authorization": f"Bearer {where.token}",
                "user-agent": f"zaffre/{version} python/{platform.python_version()}",
                "accept": "application/json",
            },
        )

    def close(self) -> None:
        """Ends the session; open connections are given back."""
        self._client.close()

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON answer of a GET; parameters that are None are left out."""
        return self.send("GET", path, parameters=parameters).json()

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        content: Content = None,
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        again: bool = True,
    ) -> httpx.Response:
        """One request, read to its end; raises the error that the server describes.

        `content` that is streamed is given as a function, so that it can start again; `again=False` leaves that to
        the caller.
        """
        given = {"body": body, "content": content, "headers": headers, "parameters": parameters}
        with self.stream(method, path, **given, again=again) as response:
            response.read()
            return response

    @contextlib.contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        content: Content = None,
        headers: Mapping[str, str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        again: bool = True,
    ) -> Iterator[httpx.Response]:
        """As `send`, with the answer's bytes still to be read."""
        request_id = uuid.uuid4().hex
        sent = {**self._headers(method, request_id), **(headers or {})}
        wanted = _parameters(parameters)

        def build() -> httpx.Request:
            streamed = content() if callable(content) else content
            if body is not None:
                return self._with_json(body, method, path, headers=sent, params=wanted)
            return self._client.build_request(method, path, content=streamed, headers=sent, params=wanted)

        response = self._send_patiently(build, repeatable=again and method in _IDEMPOTENT)
        if self._trace:
            self._trace(f"{method} {response.request.url} -> {response.status_code}")
        try:
            if not response.is_success:
                response.read()
                raise _error(response, request_id)
            yield response
        except httpx.TransportError as error:
            raise self._stopped(error) from error
        finally:
            response.close()

    def _with_json(self, body: Any, method: str, path: str, **given: Any) -> httpx.Request:
        try:
            return self._client.build_request(method, path, json=body, **given)
        except ValueError as error:
            raise errors.Invalid(
                f"What was given cannot be sent as JSON: {error}.",
                hint="Numbers must be finite, texts valid Unicode.",
            ) from error

    def _headers(self, method: str, request_id: str) -> dict[str, str]:
        headers = {"x-request-id": request_id}
        if self.reason and method not in ("GET", "HEAD"):
            headers["x-zaffre-reason"] = quote(self.reason, safe=" !#$&'()*+,-./:;<=>?@[]^_`{|}~")
        return headers

    def _send_patiently(self, build: Callable[[], httpx.Request], *, repeatable: bool) -> httpx.Response:
        started = time.monotonic()
        pause_s = 0.1
        while True:
            try:
                response = self._client.send(build(), stream=True)
                if not (repeatable and _is_passing(response)):
                    self._spoke = True
                    return response
                response.read()
                failure: Exception = _error(response, "")
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if "CERTIFICATE_VERIFY_FAILED" in str(error):
                    raise self._unknown(error) from error
                failure = errors.Unavailable(
                    f"The server at {self.url} cannot be reached: {_plain(error)}.",
                    hint="Start it with `zaffre server start`, or correct ZAFFRE_URL.",
                )
            except httpx.TransportError as error:
                failure = self._stopped(error)
                if not repeatable:
                    raise failure from error
            limit_s = _PATIENCE_S if self._spoke else _FIRST_PATIENCE_S
            if time.monotonic() - started + pause_s > limit_s:
                raise failure
            if self.report and pause_s >= 0.8:
                self.report("waiting for the server to come back")
            time.sleep(pause_s)
            pause_s = min(pause_s * 2, 2.0)

    def _unknown(self, error: httpx.TransportError) -> errors.Unavailable:
        return errors.Unavailable(
            f"The certificate of {self.url} is not believed: {_plain(error)}.",
            hint="Name the PEM file of its authority in ZAFFRE_CA_BUNDLE, and use a name that the certificate has.",
        )

    def _stopped(self, error: httpx.TransportError) -> errors.Unavailable:
        return errors.Unavailable(
            f"The server at {self.url} stopped answering: {_plain(error)}.",
            hint="It may want a client certificate: ZAFFRE_CLIENT_CERTIFICATE and ZAFFRE_CLIENT_KEY name yours."
            if self.url.startswith("https:") and not self._spoke and not self.trust.certificate
            else "See `zaffre server status`, then try again.",
        )


class Unconnected(Transport):
    """Stands where no server is configured, so that what needs none works; anything else raises why."""

    def __init__(self, why: errors.ZaffreError, *, report: Callable[[str], None] | None = None) -> None:
        self.url = ""
        self.reason = ""
        self.report = report
        self._why = why

    def close(self) -> None:
        """Nothing is open."""

    @contextlib.contextmanager
    def stream(self, method: str, path: str, **_: Any) -> Iterator[httpx.Response]:
        """Raises the error that says why there is no server."""
        raise self._why
        yield


def _is_passing(response: httpx.Response) -> bool:
    """Whether something between us and the server is out of order for now; what the server itself says is final."""
    ours = response.headers.get("content-type", "").startswith("application/problem+json")
    return response.status_code in _AGAIN and not ours


def pieces(response: httpx.Response) -> Iterator[bytes]:
    """The bytes of an answer as they come. Raises Unavailable when they end too early."""
    try:
        yield from response.iter_raw()
    except httpx.TransportError as error:
        raise errors.Unavailable(f"The connection ended too early: {_plain(error)}.") from error


def segment(text: str) -> str:
    """A name as one part of an address; nothing in it can reach another resource. Raises Invalid for an empty one."""
    if not text or text in (".", ".."):
        raise errors.Invalid(f"{text!r} is not a name.", hint="Give the name of the thing.")
    return quote(str(text), safe="")


def _parameters(given: Mapping[str, Any] | None) -> Pairs:
    pairs: Pairs = []
    for key, value in (given or {}).items():
        for item in value if isinstance(value, list | tuple) else [value]:
            if item is not None:
                pairs.append((key, str(item).lower() if isinstance(item, bool) else str(item)))
    return pairs


def _error(response: httpx.Response, request_id: str) -> errors.ZaffreError:
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict) or "detail" not in problem:
        text = re.sub(r"\s+", " ", response.text)[:300]
        error = errors.from_problem(
            {
                "code": _CODES.get(response.status_code),
                "detail": f"HTTP {response.status_code}: {text}".rstrip(": "),
            }
        )
    else:
        if not isinstance(problem["detail"], str):
            problem["detail"] = "; ".join(_violations(problem["detail"]))
        error = errors.from_problem(problem)
    error.request_id = error.request_id or response.headers.get("x-request-id", request_id)
    return error


def _violations(detail: Any) -> list[str]:
    items = detail if isinstance(detail, list) else [detail]
    return [
        f"{'.'.join(map(str, item.get('loc', ())))}: {item.get('msg', item)}"
        if isinstance(item, dict)
        else str(item)
        for item in items
    ]


_CODES = {
    400: "invalid", 401: "unauthenticated", 403: "denied", 404: "not_found", 409: "conflict", 412: "in_use",
    413: "too_large", 422: "invalid", 429: "too_many", 502: "unavailable", 503: "unavailable", 504: "unavailable",
}  # fmt: skip


def _plain(error: Exception) -> str:
    return str(error).strip().rstrip(".") or type(error).__name__
