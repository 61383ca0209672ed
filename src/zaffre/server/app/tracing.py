"""What replicas are told of traces, from the settings. Called by `online`."""

from pathlib import Path
from typing import Any

from zaffre.core import errors, settings


def of(configured: settings.Settings) -> dict[str, Any]:
    """The collector's address with its headers, and how many requests are traced. Raises Invalid."""
    share = configured.trace_share
    if not 0 <= share <= 1:
        raise errors.Invalid(f"trace_share must be from 0 to 1, not {share:g}.")
    if not configured.otlp_url:
        return {}
    if not configured.otlp_url.startswith(("http://", "https://")):
        raise errors.Invalid(
            f"otlp_url is not an HTTP address: {configured.otlp_url!r}.",
            hint="Write for example http://127.0.0.1:4318; /v1/traces is added.",
        )
    return {"otlp_url": configured.otlp_url, "otlp_headers": _headers(configured), "trace_share": share}


def _headers(configured: settings.Settings) -> dict[str, str]:
    file = configured.otlp_headers_file
    if not file:
        return {}
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise errors.Invalid(f"otlp_headers_file: {file} cannot be read: {error}.") from error
    found = {}
    for number, line in enumerate(lines, 1):
        name, sign, value = line.partition("=")
        if not line.strip():
            continue
        if not sign or not name.strip().replace("-", "").isalnum():
            raise errors.Invalid(f"otlp_headers_file: line {number} of {file} is not NAME=VALUE.")
        found[name.strip()] = value.strip()
    return found
