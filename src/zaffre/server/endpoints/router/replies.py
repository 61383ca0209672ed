"""What clients read when the router itself answers: one JSON problem for each reason, with the documented codes. Pure."""

from typing import Any

DEPLOYMENT_HEADER = "azureml-model-deployment"
TOKEN_FILTER, TOKEN_TROUBLE = "envoy.filters.http.jwt_authn", "trouble"
"""Who checks tokens, and under which name it notes what is wrong with one."""
REFUSED = 403
"""What the role-based filter refuses with, and so whoever else refuses; it becomes a 401 on its way out."""
REVISION_HEADER, VERSION_HEADER = "x-zaffre-revision", "x-ms-server-version"
Document = dict[str, Any]


def local_replies() -> Document:
    """The `local_reply_config`: reasons, most special first."""
    return {
        "mappers": [
            {
                "filter": _flagged("UT"),
                "status_code": 408,
                "body_format_override": _problem("timeout", "The deployment did not answer within its request_timeout_ms."),
            },
            {
                "filter": _flagged("UO"),
                "status_code": 429,
                "headers_to_add": [{"header": {"key": "ms-azureml-model-error-reason", "value": "too_many_pending_request"}}],
                "body_format_override": _problem("too_many", "More requests are under way than this deployment takes; try again later."),
            },
            {
                "filter": {"and_filter": {"filters": [_status(REFUSED), _bad_token()]}},
                "status_code": 401,
                "headers_to_add": _unauthenticated(),
                "body_format_override": _problem("unauthenticated", f"%DYNAMIC_METADATA({TOKEN_FILTER}:{TOKEN_TROUBLE}:message)%. This endpoint is opened by a token; send it as 'Authorization: Bearer TOKEN'."),
            },
            {
                "filter": _status(REFUSED),
                "status_code": 401,
                "headers_to_add": _unauthenticated(),
                "body_format_override": _problem("unauthenticated", "The key or token is missing or wrong, or belongs to another endpoint; send it as 'Authorization: Bearer ...' (`zaffre online-endpoint get-credentials` shows it)."),
            },
            {
                "filter": {"and_filter": {"filters": [_status(404), {"header_filter": {"header": {"name": DEPLOYMENT_HEADER, "present_match": True}}}]}},
                "body_format_override": _problem("not_found", f"%LOCAL_REPLY_BODY%: there is no deployment '%REQ({DEPLOYMENT_HEADER}):64%'."),
            },
            {"filter": _status(404), "body_format_override": _problem("not_found", "%LOCAL_REPLY_BODY%.")},
            {"filter": _status(413), "body_format_override": _problem("too_large", "%LOCAL_REPLY_BODY%.")},
            # A replica refused the body in the middle of it, and what came is too much to be sent to another.
            {"filter": _status(507), "status_code": 413, "body_format_override": _problem("too_large", "The body is too large.")},
            {
                "filter": _status(504),
                "status_code": 408,
                "body_format_override": _problem("timeout", "The request took too long: %LOCAL_REPLY_BODY%."),
            },
            {
                "filter": _status(503),
                "body_format_override": _problem("unavailable", "No replica of the deployment can be reached now; try again later. `zaffre online-deployment show` tells why."),
            },
        ],
        "body_format": _problem("router", "%LOCAL_REPLY_BODY% (%RESPONSE_CODE_DETAILS%)"),
    }  # fmt: skip


def _unauthenticated() -> list[Document]:
    """A route puts its headers on a refusal, too: whoever may not pass is not told what is behind. (They cannot be taken away
    here, only emptied.)"""
    emptied = [
        {
            "header": {"key": name, "value": ""},
            "append_action": "OVERWRITE_IF_EXISTS",
            "keep_empty_value": True,
        }
        for name in (DEPLOYMENT_HEADER, REVISION_HEADER, VERSION_HEADER)
    ]
    return [{"header": {"key": "www-authenticate", "value": "Bearer"}}, *emptied]


def _flagged(flag: str) -> Document:
    return {"response_flag_filter": {"flags": [flag]}}


def _status(code: int) -> Document:
    comparison = {"op": "EQ", "value": {"default_value": code, "runtime_key": f"zaffre.status.{code}"}}
    return {"status_code_filter": {"comparison": comparison}}


def _bad_token() -> Document:
    path = [{"key": TOKEN_TROUBLE}, {"key": "message"}]
    present = {"filter": TOKEN_FILTER, "path": path, "value": {"present_match": True}}
    return {"metadata_filter": {"matcher": present, "match_if_key_not_found": False}}


def _problem(code: str, detail: str) -> Document:
    return {
        "json_format": {
            "status": "%RESPONSE_CODE%",
            "code": code,
            "detail": detail,
            "request_id": "%REQ(X-REQUEST-ID)%",
        }
    }
