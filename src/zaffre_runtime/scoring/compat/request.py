"""`AMLRequest` and `rawhttp`: what a script with @rawhttp receives. The parts of Flask's request that scripts use."""

from __future__ import annotations

import functools
import http.cookies
import io
import json
import urllib.parse
from typing import Any, Callable, Dict, List, Tuple, TypeVar

from zaffre_runtime.scoring.compat import headers, multipart

Function = TypeVar("Function", bound=Callable[..., Any])

RAW_FUNCTIONS: List[Callable[..., Any]] = []
FORM = "application/x-www-form-urlencoded"


def rawhttp(function: Function) -> Function:
    """Marks run(): it receives the whole request instead of the body's text."""
    RAW_FUNCTIONS.append(function)
    return function


class AMLRequest:
    def __init__(
        self, method: str = "POST", path: str = "/score", *, query: str = "", pairs: Any = (), body: bytes = b"",
        client: str = "", scheme: str = "http",
    ) -> None:  # fmt: skip
        self.method = method
        self.path = path
        self.query_string = query.encode("utf-8", "surrogateescape")
        self.headers = headers.RequestHeaders.of(pairs)
        self.remote_addr = client.rpartition(":")[0].strip("[]") or None
        self.scheme = scheme
        self._body = body

    def __repr__(self) -> str:
        return f"<AMLRequest {self.url!r} [{self.method}]>"

    # The body

    @property
    def data(self) -> bytes:
        """Empty for forms, whose content is in `form` and `files`."""
        return b"" if self._is_form else self._body

    def get_data(self, cache: bool = True, as_text: bool = False, parse_form_data: bool = False) -> Any:
        body = self.data if parse_form_data else self._body
        return body.decode("utf-8", "replace") if as_text else body

    @functools.cached_property
    def stream(self) -> io.BytesIO:
        return io.BytesIO(self._body)

    @property
    def is_json(self) -> bool:
        kind = self.mimetype
        return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))

    @property
    def json(self) -> Any:
        return self.get_json()

    def get_json(self, force: bool = False, silent: bool = False, cache: bool = True) -> Any:
        if not (force or self.is_json):
            if silent:
                return None
            raise ValueError("The request's Content-Type is not application/json.")
        try:
            return json.loads(self._body)
        except (ValueError, RecursionError) as error:
            if silent:
                return None
            raise ValueError(f"The body could not be decoded as JSON: {error}") from error

    # Forms

    @property
    def _is_form(self) -> bool:
        return self.mimetype in (FORM, "multipart/form-data")

    @functools.cached_property
    def _fields(self) -> Tuple[List[Tuple[str, Any]], List[Tuple[str, Any]]]:
        if self.mimetype == "multipart/form-data":
            return multipart.parse(self._body, self.content_type or "")
        return (multipart.urlencoded(self._body), []) if self._is_form else ([], [])

    @property
    def form(self) -> headers.MultiDict:
        return headers.MultiDict(self._fields[0])

    @functools.cached_property
    def files(self) -> headers.MultiDict:
        return headers.MultiDict(self._fields[1])

    @property
    def values(self) -> headers.MultiDict:
        return headers.MultiDict(self._arguments + self._fields[0])

    # The address

    @property
    def _arguments(self) -> List[Tuple[str, str]]:
        return urllib.parse.parse_qsl(self.query_string.decode("utf-8", "replace"), keep_blank_values=True)

    @property
    def args(self) -> headers.MultiDict:
        return headers.MultiDict(self._arguments)

    @property
    def host(self) -> str:
        return str(self.headers.get("Host", "localhost"))

    @property
    def host_url(self) -> str:
        return f"{self.scheme}://{self.host}/"

    root_url = url_root = host_url

    @property
    def base_url(self) -> str:
        return self.host_url + urllib.parse.quote(self.path.lstrip("/"))

    @property
    def url(self) -> str:
        query = self.query_string.decode("utf-8", "replace")
        return f"{self.base_url}?{query}" if query else self.base_url

    @property
    def full_path(self) -> str:
        return f"{self.path}?{self.query_string.decode('utf-8', 'replace')}"

    @property
    def is_secure(self) -> bool:
        return self.scheme == "https"

    # The headers

    @property
    def content_type(self) -> Any:
        return self.headers.get("Content-Type")

    @property
    def mimetype(self) -> str:
        return (self.content_type or "").partition(";")[0].strip().lower()

    @property
    def content_length(self) -> Any:
        return len(self._body) if "Content-Length" in self.headers or self._body else None

    @property
    def user_agent(self) -> str:
        return str(self.headers.get("User-Agent", ""))

    @property
    def cookies(self) -> Dict[str, str]:
        jar: http.cookies.SimpleCookie = http.cookies.SimpleCookie()
        try:
            jar.load(self.headers.get("Cookie", ""))
        except http.cookies.CookieError:
            return {}
        return {name: morsel.value for name, morsel in jar.items()}
