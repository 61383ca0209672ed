"""`AMLResponse`: what a script returns to choose status, headers and bytes itself."""

from __future__ import annotations

import json
from typing import Any, Dict, Optional

from zaffre_runtime.scoring.compat import headers

JSON = "application/json"
HTML = "text/html; charset=utf-8"


def _bytes(message: Any) -> bytes:
    if isinstance(message, str):
        return message.encode()
    if isinstance(message, (bytes, bytearray, memoryview)):
        return bytes(message)
    return b"".join(_bytes(part) for part in message)


class AMLResponse:
    """`json_str` writes the message as JSON; otherwise it is text, bytes or an iterable of them. None is `{}`."""

    def __init__(
        self,
        message: Any = None,
        status_code: int = 200,
        response_headers: Optional[Dict[str, Any]] = None,
        json_str: bool = False,
        run_function_failed: bool = False,
    ) -> None:
        self.status_code = status_code
        if message is None or json_str:
            self.data = json.dumps({} if message is None else message).encode()
            self.headers = headers.Headers([("Content-Type", JSON)])
        else:
            self.data = _bytes(message)
            self.headers = headers.Headers([("Content-Type", HTML)])
            if any(name.lower() == "content-type" for name in response_headers or {}):
                self.headers.remove("Content-Type")
        self.headers["x-ms-run-function-failed"] = run_function_failed
        for name, value in (response_headers or {}).items():
            for part in str(value).split(","):
                self.headers.add(name, part.strip())

    def get_data(self, as_text: bool = False) -> Any:
        return self.data.decode("utf-8", "replace") if as_text else self.data

    def set_data(self, value: Any) -> None:
        self.data = _bytes(value)

    @property
    def json(self) -> Any:
        return json.loads(self.data)

    def get_json(self, force: bool = False, silent: bool = False) -> Any:
        return self.json

    @property
    def content_type(self) -> Any:
        return self.headers.get("Content-Type")

    @content_type.setter
    def content_type(self, value: str) -> None:
        self.headers["Content-Type"] = value

    @property
    def mimetype(self) -> str:
        return str(self.content_type or "").partition(";")[0].strip().lower()

    @mimetype.setter
    def mimetype(self, value: str) -> None:
        self.headers["Content-Type"] = f"{value}; charset=utf-8" if value.startswith("text/") else value
