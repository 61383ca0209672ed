"""What a scored request becomes: status, body, headers. Plain values; nothing here touches the network."""

from __future__ import annotations

import json
from typing import Any, Optional, Sequence, Tuple

import msgspec

JSON = "application/json"
HTML = "text/html; charset=utf-8"
SCRIPT_FAILED = "An unexpected error occurred in scoring script. Check the logs for more info."

ERROR_STATUS, ERROR_REASON = "ms-azureml-model-error-statuscode", "ms-azureml-model-error-reason"
MODEL_ERROR, TOO_MANY_PENDING = "model_error", "too_many_pending_request"
ELSEWHERE = "x-zaffre-try-elsewhere"

NOT_SENT = b'{"message": "The answer has a header that cannot be sent. Check the logs for more info."}'

encode = msgspec.json.Encoder().encode


class Answer(msgspec.Struct, gc=False):
    """`failed` is what x-ms-run-function-failed says; `exec_ms` is there only when the model was called; `refused` says
    that it was not, because the request could not be given to it."""

    status: int
    body: bytes
    content_type: str = JSON
    failed: bool = False
    exec_ms: Optional[float] = None
    headers: Sequence[Tuple[str, str]] = ()
    refused: bool = False


def message(status: int, text: str, *, failed: bool = False, exec_ms: Optional[float] = None) -> Answer:
    return Answer(status, json.dumps({"message": text}).encode(), JSON, failed, exec_ms)


def script_failure(exec_ms: Optional[float] = None) -> Answer:
    return message(500, SCRIPT_FAILED, failed=True, exec_ms=exec_ms)


def timeout(timeout_ms: int, *, managed: bool) -> Answer:
    """Azure's inference server alone answers 500, its managed endpoint 408."""
    text = f"Scoring timeout after {timeout_ms} ms"
    return message(408 if managed else 500, text, failed=True, exec_ms=float(timeout_ms))


def refusal(status: int, text: str) -> Answer:
    answer = message(status, text)
    answer.refused = True
    return answer


def too_many(text: str, *, elsewhere: bool = False) -> Answer:
    """With `elsewhere` the router asks another replica first."""
    answer = message(429, text)
    answer.headers = [("retry-after", "1"), (ERROR_REASON, TOO_MANY_PENDING)]
    if elsewhere:
        answer.headers = [*answer.headers, (ELSEWHERE, "1")]
    return answer


def deadly(deaths: int) -> Answer:
    text = f"{deaths} processes ended while they worked on this request; it is not given to another."
    return message(500, text, failed=True)


def seen_from_outside(answer: Answer) -> Answer:
    """What the managed endpoint makes of an answer that is not 200: 424, with the model's own status beside it."""
    if answer.refused:
        return answer
    said = [pair for pair in answer.headers if pair[0].lower() not in (ERROR_STATUS, ERROR_REASON)]
    headers = [*said, (ERROR_STATUS, str(answer.status)), (ERROR_REASON, MODEL_ERROR)]
    return Answer(
        424, answer.body, answer.content_type, answer.failed, exec_ms=answer.exec_ms, headers=headers
    )


def from_json_value(value: Any, exec_ms: float) -> Answer:
    """Exactly what json.dumps makes of it: a script that worked on Azure ML answers the same bytes here."""
    return Answer(200, json.dumps(value).encode(), JSON, False, exec_ms)
