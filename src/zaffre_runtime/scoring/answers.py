"""What a scored request becomes: status, body, headers. Plain values; nothing here touches the network."""

from __future__ import annotations

import json
from typing import Any, List, Optional, Tuple

import msgspec

JSON = "application/json"
HTML = "text/html; charset=utf-8"
SCRIPT_FAILED = "An unexpected error occurred in scoring script. Check the logs for more info."

encode = msgspec.json.Encoder().encode


class Answer(msgspec.Struct, gc=False):
    """`failed` is what x-ms-run-function-failed says; `exec_ms` is there only when the model was called."""

    status: int
    body: bytes
    content_type: str = JSON
    failed: bool = False
    exec_ms: Optional[float] = None
    headers: List[Tuple[str, str]] = []


def message(status: int, text: str, *, failed: bool = False, exec_ms: Optional[float] = None) -> Answer:
    return Answer(status, json.dumps({"message": text}).encode(), JSON, failed, exec_ms)


def script_failure(exec_ms: Optional[float] = None) -> Answer:
    return message(500, SCRIPT_FAILED, failed=True, exec_ms=exec_ms)


def timeout(timeout_ms: int) -> Answer:
    return message(500, f"Scoring timeout after {timeout_ms} ms", failed=True, exec_ms=float(timeout_ms))


def from_json_value(value: Any, exec_ms: float) -> Answer:
    """Exactly what json.dumps makes of it: a script that worked on Azure ML answers the same bytes here."""
    return Answer(200, json.dumps(value).encode(), JSON, False, exec_ms)
